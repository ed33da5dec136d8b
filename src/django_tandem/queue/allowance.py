"""Allowance: when a look that may come to cost much is to be taken again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.05


class Allowance:
    """A look is due `every_s` seconds after the last began, and so seldom that all together take at most SHARE of the
    time. They may be `burst_s` ahead of it: short ones come close together then."""

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic, burst_s: float = 0.0) -> None:
        self._every_s = every_s
        self._burst_s = burst_s
        self._clock = clock
        self._due_at = clock()
        self._debt_s = 0.0  # what was spent and not yet earned by waiting, at _spent_at
        self._spent_at = clock()

    @property
    def is_due(self) -> bool:
        """Whether to look now."""
        now = self._clock()
        return now >= self._due_at and self._debt(now) <= self._burst_s

    def spent(self, seconds: float) -> None:
        """A look has just ended that took so long."""
        now = self._clock()
        self._debt_s = self._debt(now) + seconds
        self._spent_at = now
        self._due_at = now - seconds + self._every_s

    @contextmanager
    def look(self) -> Iterator[None]:
        """Take a look, and its time."""
        began = self._clock()
        try:
            yield
        finally:
            self.spent(self._clock() - began)

    def _debt(self, now: float) -> float:
        return max(0.0, self._debt_s - SHARE * (now - self._spent_at))
