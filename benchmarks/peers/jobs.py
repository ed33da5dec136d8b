"""What every peer's workers run, and the count that they keep of it.

Each worker process counts in a small file of its own that it maps into memory, so that counting costs neither a call of
the system nor the interpreter's lock.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import stamps

_record = struct.Struct("=qdd")
_lock = threading.Lock()


class Tally(NamedTuple):
    """Jobs finished, when the first began and when the last finished, both monotonic."""

    jobs: int
    began: float
    finished: float


class _Own:
    """The record of this process; another one after a fork."""

    pid = 0
    jobs = 0
    began = 0.0
    file: mmap.mmap


def nothing() -> None:
    count(time.monotonic())


def pause(seconds: float) -> None:
    began = time.monotonic()
    time.sleep(seconds)
    count(began)


def stamp(sent: float) -> None:
    stamps.write(sent)


def count(began: float) -> None:
    """One more job of this process has finished."""
    with _lock:
        if _Own.pid != os.getpid():
            _open(began)
        _Own.jobs += 1
        _record.pack_into(_Own.file, 0, _Own.jobs, _Own.began, time.monotonic())


def _open(began: float) -> None:
    path = Path(os.environ["TANDEM_PEERS_TALLIES"]) / str(os.getpid())
    path.write_bytes(bytes(_record.size))
    with path.open("r+b") as file:
        _Own.file = mmap.mmap(file.fileno(), _record.size)
    _Own.pid, _Own.jobs, _Own.began = os.getpid(), 0, began


def tally(folder: Path) -> Tally:
    """What the processes that count in `folder` have done, taken together."""
    records = [_record.unpack(path.read_bytes()) for path in folder.iterdir() if path.stat().st_size]
    own = [Tally(*record) for record in records if record[0]]
    if not own:
        return Tally(0, 0.0, 0.0)
    return Tally(sum(one.jobs for one in own), min(one.began for one in own), max(one.finished for one in own))
