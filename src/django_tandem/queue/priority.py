"""The order in which jobs are claimed, and the bound on waiting that follows from it."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

LOWEST, HIGHEST = -100, 100

DEFAULT_PATIENCE = timedelta(seconds=10)

# What makes priority strict: a level is worth more than any job ever waits.
STRICT_PATIENCE = timedelta(days=3650)


class Reserve(NamedTuple):
    """So many slots begin only jobs of at least `priority`, 1 to 100: long jobs below it can never hold them all."""

    slots: int = 0
    priority: int = HIGHEST

    def share(self, processes: int, number: int) -> Reserve:
        """The part of the process `number`, from 0 on, of so many that are alike."""
        each, rest = divmod(self.slots, processes)
        return self._replace(slots=each + (number < rest))


NO_RESERVE = Reserve()


def head_start(priority: int, patience: timedelta) -> timedelta:
    """How much earlier than `ready_at` a job is due: `due = ready_at - head_start`.

    `priority` is in levels, -100 to 100; `patience` is the time that one level is worth. Jobs are claimed in order of
    due, so a job of priority p that becomes ready at t can only be overtaken by jobs of a priority q > p that become
    ready before `t + (q - p) * patience`: the longest that it can be held back by priority alone.
    """
    return priority * patience
