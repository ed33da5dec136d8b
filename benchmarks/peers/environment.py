"""Where the peers are installed: a virtual environment of their own, `.tandem/peers`, made by uv.

`python -m benchmarks.peers.environment` prints what requirements.txt is to pin.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PINS = Path(__file__).parent / "requirements.txt"
INSTALL_S = 300.0


class NotInstalled(Exception):
    """A peer cannot be measured, because its packages are not there; says why."""


class Environment:
    """The virtual environment in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    def install(self, packages: Iterable[str]) -> None:
        """Install `packages` in the versions that PINS names. Raises NotInstalled."""
        if not self.python.exists():
            self._uv("venv", "--python", sys.executable, "--clear", str(self.folder))
        if packages:
            self._uv("pip", "install", "--python", str(self.python), "--constraints", str(PINS), *packages)

    def versions(self) -> dict[str, str]:
        """The version of each package that is installed."""
        listed = self._uv("pip", "list", "--python", str(self.python), "--format", "json")
        return {one["name"]: one["version"] for one in json.loads(listed)}

    def _uv(self, *arguments: str) -> str:
        beside = Path(sys.executable).parent / "uv"
        program = str(beside) if beside.exists() else shutil.which("uv")
        if program is None:
            raise NotInstalled("uv, which makes the environment of the peers, is not installed: make setup")
        try:
            done = subprocess.run(
                [program, *arguments],
                capture_output=True,
                text=True,
                timeout=INSTALL_S,
                env={**os.environ, "NO_COLOR": "1", "UV_LINK_MODE": "copy"},
            )
        except subprocess.TimeoutExpired:
            raise NotInstalled(f"uv {arguments[0]} did not end within {INSTALL_S:.0f} s") from None
        if done.returncode:
            said = re.sub(r"\W*\n\W*", ": ", done.stderr.strip())
            raise NotInstalled(f"uv {arguments[0]} ended with {done.returncode}: {said}")
        return done.stdout


if __name__ == "__main__":
    from benchmarks.peers.catalog import CATALOG

    print("\n".join(sorted({package for entry in CATALOG for package in entry.packages})))
