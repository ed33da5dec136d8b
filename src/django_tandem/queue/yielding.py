"""Yielding: which slots of an Async Server close to which priorities at which level of pressure.

The lowest yield first: jobs of negative priority before the usual ones, whose priority is 0; those above never do. One
slot of a server always begins any job, so that none waits for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# The least priority of usual jobs, and of those that never yield.
USUAL, PRESSING = 0, 1

HIGHEST_LEVEL = 4


class Split(NamedTuple):
    """How many slots begin any job, how many only jobs of at least the priority USUAL, how many only those of at least
    PRESSING."""

    any: int
    usual: int
    pressing: int

    @property
    def slots(self) -> int:
        """All of them."""
        return sum(self)


def split(level: int, slots: int) -> Split:
    """How so many slots of a server begin jobs at a level: at 1 half of them are closed to negative priorities, at 2
    all but one; at 3 half are closed to usual ones too, at 4 all but one."""
    half, most = slots // 2, max(0, slots - 1)
    to_negative = (0, half, most, most, most)[level]
    to_usual = (0, 0, 0, half, most)[level]
    return Split(slots - to_negative, to_negative - to_usual, to_usual)


@dataclass(frozen=True)
class Yielding:
    """One process of a server that yields. `slots`: of each of the server's processes, those that are not reserved;
    `number`: which process this is, from 0 on."""

    role: str
    slots: Sequence[int]
    number: int

    def split(self, level: int) -> Split:
        """How this process's slots begin jobs. Of all processes an equal share is closed; process 0 keeps the last."""
        whole = split(level, sum(self.slots))
        to_any = self._first(whole.any)
        to_usual = self._first(whole.any + whole.usual)
        return Split(to_any, to_usual - to_any, self.slots[self.number] - to_usual)

    def _first(self, count: int) -> int:
        """How many of this process's slots are among the first so many, counted one of each process in turn."""
        in_turn = sorted((slot, process) for process, slots in enumerate(self.slots) for slot in range(slots))
        return sum(process == self.number for _, process in in_turn[:count])
