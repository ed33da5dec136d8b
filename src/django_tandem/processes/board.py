"""What the processes of one server tell each other without a system call: shared memory, one row a worker.

A worker writes which jobs it has begun and that it is alive; its supervisor reads both after a death. Only jobs
that had begun count an attempt, so a job that kills its worker does not take its neighbours' attempts with it.
"""

from __future__ import annotations

import mmap
import struct
import time

_WORD = struct.Struct("=q")
_TICK, _PID, _LEAVING, _BEGUN = range(4)


class Board:
    """Rows of 64-bit words in anonymous shared memory, made before the fork and seen by all children.

    `workers` rows, each of one tick (monotonic nanoseconds), the process whose row it is, whether that leaves,
    and `slots` job ids (0: the slot is idle).
    """

    def __init__(self, workers: int, slots: int) -> None:
        self.workers = workers
        self.slots = slots
        self._words_a_row = _BEGUN + slots
        self._memory = mmap.mmap(-1, workers * self._words_a_row * _WORD.size)

    def row(self, worker: int) -> BoardRow:
        """The row of worker number `worker`, counted from 0."""
        if not 0 <= worker < self.workers:
            raise IndexError(worker)
        return BoardRow(self._memory, worker * self._words_a_row, self.slots)

    def row_of(self, pid: int) -> BoardRow | None:
        """The row that the process `pid` has entered."""
        rows = (self.row(worker) for worker in range(self.workers))
        return next((row for row in rows if row.pid == pid), None)


class BoardRow:
    """One worker's row. A slot is written by its own thread only, so no lock is needed."""

    def __init__(self, memory: mmap.mmap, first_word: int, slots: int) -> None:
        self._memory = memory
        self._first = first_word * _WORD.size
        self.slots = slots

    def tick(self) -> None:
        """Say: the control loop of this worker turns."""
        self._write(_TICK, time.monotonic_ns())

    def age_s(self) -> float:
        """Seconds since the last tick; 0 before the first."""
        tick = self._read(_TICK)
        return (time.monotonic_ns() - tick) / 1e9 if tick else 0.0

    def enter(self, pid: int) -> None:
        """Say: this row is that of the process `pid`."""
        self._write(_PID, pid)

    def leave(self) -> None:
        """Say: this process has done its share, another may take its place."""
        self._write(_LEAVING, 1)

    @property
    def pid(self) -> int:
        """The process whose row it is; 0: nobody's."""
        return self._read(_PID)

    @property
    def is_leaving(self) -> bool:
        """Whether its process has said that it leaves."""
        return bool(self._read(_LEAVING))

    def begin(self, slot: int, job: int) -> None:
        """Slot number `slot` begins `job`."""
        _WORD.pack_into(self._memory, self._first + (_BEGUN + slot) * _WORD.size, job)

    def end(self, slot: int) -> None:
        """Slot number `slot` is idle."""
        _WORD.pack_into(self._memory, self._first + (_BEGUN + slot) * _WORD.size, 0)

    def begun(self, first: int | None = None) -> list[int]:
        """The ids of the jobs that slots have begun and not ended; of the `first` slots, where that is given."""
        slots = self.slots if first is None else first
        words = struct.unpack_from(f"={slots}q", self._memory, self._first + _BEGUN * _WORD.size)
        return [job for job in words if job]

    def clear(self) -> None:
        """Make the row that of a worker not yet started."""
        size = (_BEGUN + self.slots) * _WORD.size
        self._memory[self._first : self._first + size] = bytes(size)

    def _read(self, word: int) -> int:
        (value,) = _WORD.unpack_from(self._memory, self._first + word * _WORD.size)
        return int(value)

    def _write(self, word: int, value: int) -> None:
        _WORD.pack_into(self._memory, self._first + word * _WORD.size, value)
