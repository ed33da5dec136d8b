"""What is not live goes behind what is: builds and trials may run on a machine that serves people."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICE = 5


def lower(pid: int) -> None:
    """Let the process `pid`, which leads a session, and all that it starts from now on go behind others.

    Where Linux shares the processors between sessions (sched_autogroup) the session's value counts, not the process's.
    A system that does not permit it leaves the process as it is.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(NICE, os.getpriority(os.PRIO_PROCESS, pid)))
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
