"""A disk of a few megabytes: a tmpfs, which root may mount on Linux."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


class CannotMount(Exception):
    """Why this machine has no small disk for a test."""


class Disk:
    """One that is mounted on a folder, which is there, until `close`."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path = path
        self.ballast = path / "ballast"
        if sys.platform != "linux" or os.geteuid() != 0:
            raise CannotMount("a disk of a few megabytes can only be mounted by root, on Linux")
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(path)]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise CannotMount(f"this machine lets not even root mount: {mounted.stderr.strip()}")

    def fill(self) -> None:
        with suppress(OSError), self.ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass

    def free(self) -> None:
        self.ballast.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
