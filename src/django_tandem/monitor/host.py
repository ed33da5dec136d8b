"""Host: what there is of processors, memory and disk, and what the processes of one server use of it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

# Where the system does not tell the children of a process, all processes are looked through: that is not done often.
SEARCH_EVERY_S = 60.0


class Host:
    """The machine. `folder` is on the disk that counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cores = psutil.cpu_count() or 1
        psutil.cpu_percent()  # the first answer is none: it is of the time since the last

    def look(self) -> dict[str, Any]:
        """The part `host` of a sample; `cpu` is of the time since the last look."""
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._folder))
        return {
            "load": [round(load, 2) for load in os.getloadavg()],
            "cores": self._cores,
            "cpu": round(psutil.cpu_percent() / 100, 3),
            "memory": {"total": memory.total, "available": memory.available},
            "disk": {"total": disk.total, "free": disk.free},
        }


class Processes:
    """All that descends from the process `first`, and itself."""

    def __init__(self, first: int) -> None:
        self._first = first
        # proc(5): a kernel may be built without it.
        self._linux = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()
        self._known: dict[int, psutil.Process] = {}
        self._used: dict[int, float] = {}
        self._looked_at = 0.0
        self._searched: list[int] = []
        self._searched_at = -SEARCH_EVERY_S

    def look(self) -> dict[str, Any]:
        """The parts of `server`: how many processes, the bytes that are resident in them (what they share counts for
        each), and the cores that they kept busy since the last look."""
        used, known, resident = {}, {}, 0
        for pid in self._pids():
            with suppress(psutil.Error):
                known[pid] = self._known.get(pid) or psutil.Process(pid)
                times = known[pid].cpu_times()
                resident += known[pid].memory_info().rss
                used[pid] = times.user + times.system
        now = time.monotonic()
        # A process that is new since the last look began after it, so all that it used counts.
        busy = sum(max(0.0, seconds - self._used.get(pid, 0.0)) for pid, seconds in used.items())
        cpu = busy / (now - self._looked_at) if self._looked_at else 0.0
        self._known, self._used, self._looked_at = known, used, now
        return {"processes": len(used), "rss": resident, "cpu": round(cpu, 3)}

    def _pids(self) -> list[int]:
        if not self._linux:
            return self._search()
        found, waiting = [], [self._first]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += _children(pid)
        return found

    def _search(self) -> list[int]:
        if time.monotonic() - self._searched_at >= SEARCH_EVERY_S:
            self._searched_at = time.monotonic()
            self._searched = [self._first]
            with suppress(psutil.Error):
                self._searched += [one.pid for one in psutil.Process(self._first).children(recursive=True)]
        return self._searched


def _children(pid: int) -> list[int]:
    """As Linux tells them, of each thread."""
    found: list[int] = []
    with suppress(OSError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_bytes().split())
    return found
