"""Detach: start a command that outlives who starts it: nobody's child, in a session of its own, with no file of ours
open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STARTS_S = 10.0


def detach(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
    """Start `command`; what it says is added to `log`. Raises OSError where it cannot be started."""
    with log.open("ab") as out:
        # Through a process that ends at once: as our child it would be ended with us, and be taken for a part of us.
        done = subprocess.run(
            [sys.executable, "-I", "-S", __file__, *command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            timeout=STARTS_S,
            check=False,
        )
    if done.returncode:
        raise OSError(f"{command[0]} cannot be started (see {log})")


if __name__ == "__main__":
    subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    os._exit(0)
