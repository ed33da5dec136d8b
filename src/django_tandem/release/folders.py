"""Places that are there wholly or not at all: made aside, then renamed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_ASIDE = re.compile(r"^\.(?:new|old)-(\d+)-")


@contextmanager
def aside(parent: Path, name: str) -> Iterator[Path]:
    """A new folder in `parent` under a name that tells who makes it; what is left of it at the end is removed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-{name[:12]}-", dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settle(made: Path, target: Path) -> bool:
    """Give a finished folder its name. False: another has made the same in the meantime, which stays."""
    try:
        made.rename(target)
    except OSError:
        if target.is_dir():
            return False
        raise
    return True


def remove(folder: Path) -> None:
    """Remove a folder so that nobody sees a part of it."""
    gone = Path(tempfile.mkdtemp(prefix=f".old-{os.getpid()}-", dir=folder.parent))
    with suppress(FileNotFoundError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(parent: Path) -> list[Path]:
    """Remove what those left aside in `parent` who did not live to finish it."""
    left = [path for path in parent.iterdir() if _is_left(path)] if parent.is_dir() else []
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left


def _is_left(path: Path) -> bool:
    match = _ASIDE.match(path.name)
    return match is not None and not psutil.pid_exists(int(match[1]))
