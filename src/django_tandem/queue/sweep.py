"""Sweep: the places below a horizon in slices, to be looked into one after the other.

Nothing should be ready there but jobs of which no announcement told. A look costs as much as has died there and is kept
by a long transaction. So each slice is made so small that one look takes about a hundredth of a second; where looks
are cheap, one slice is all.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

# A place in the order of claim: due, then id.
Place = tuple[datetime, int]

# What bounds a search that has no bound: PostgreSQL's infinities have no datetime.
EVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
BEGINNING = datetime(1, 1, 2, tzinfo=timezone.utc)
FIRST: Place = (BEGINNING, 0)

# How long after a look the same slice is looked into again, if there is time for it.
RESCAN_S = 1.0

# A slice whose looks take longer is split; neighbours that take less than CHEAP_S together are made one. One slow look
# says little where others want the processor too, unless it was slower than SLOW_S.
SLICE_S = 0.010
CHEAP_S = 0.002
SLOW_S = 0.100

# What a claim walked over for this long, on its way to a job that is ready, shall not become one slice.
LONG_S = 0.300

# Into so many a slice is split, so many there are: whatever else makes looks slow, they do not become more and more.
MOST_PARTS = 64
MOST_SLICES = 5000

_MICROSECOND = timedelta(microseconds=1)


@dataclass(eq=False)
class Slice:
    """From a place up to another. `seconds`: how long the last look took, 0 if there was none. `is_wanted`: nobody has
    looked yet, or something was announced since that may be there."""

    since: Place
    until: Place
    looked_at: float
    seconds: float = 0.0
    is_wanted: bool = True


class Sweep:
    """The slices of one queue below its horizon. They cover all up to the `edge`, and what lies between that and the
    horizon becomes one within RESCAN_S."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.slices: list[Slice] = []
        self.edge = FIRST
        self._clock = clock
        self._edge_at = clock()
        self._announced: datetime | None = None
        self._turns = 0

    def risen(self, horizon: Place, seconds: float) -> None:
        """The horizon is here now, and it took so long to get there."""
        if horizon > self.edge and (seconds > LONG_S or self._clock() - self._edge_at >= RESCAN_S):
            self._close(horizon)
            if seconds > LONG_S:
                self._split(self.slices[-1], seconds)

    def announced(self, due: datetime) -> None:
        """From this due on there may be jobs below the horizon: look there first."""
        self._announced = min(due, self._announced or EVER)

    def is_cheap(self, due: datetime) -> bool:
        """Whether it takes little time to walk over all from here on, as far as is known."""
        seconds = 0.0
        for one in reversed(self.slices):
            if one.until <= (due, 0):
                break
            seconds += one.seconds * _part_from(due, one)
            if seconds > SLICE_S / 2:
                return False
        return True

    def next(self, horizon: Place) -> Slice | None:
        """The slice to look into now, up to the horizon: in turn one of those that are wanted, and the one into which
        nobody has looked for longest. None: not yet."""
        now = self._clock()
        if horizon > self.edge and now - self._edge_at >= RESCAN_S:
            self._close(horizon)
        self._want_announced()
        found = list(self._due(horizon, now))
        if not found:
            return None
        self._turns += 1
        wanted_first = bool(self._turns % 2)
        one = min(found, key=lambda one: (wanted_first and not one.is_wanted, one.looked_at))
        one.looked_at, one.is_wanted = now, False
        return one

    def looked(self, one: Slice, seconds: float) -> None:
        """A look into this slice has ended; all that was ready there was found."""
        if not self._is_there(one):
            return
        before, one.seconds = one.seconds, seconds
        if min(before, seconds) > SLICE_S or seconds > SLOW_S:
            self._split(one, seconds)
        else:
            self._merge(one)

    def _due(self, horizon: Place, now: float) -> Iterator[Slice]:
        for one in self.slices:
            if one.since >= horizon:
                return
            if one.is_wanted or now - one.looked_at >= RESCAN_S:
                yield one

    def _close(self, horizon: Place) -> None:
        self.slices.append(Slice(self.edge, horizon, self._edge_at))
        self.edge, self._edge_at = horizon, self._clock()

    def _want_announced(self) -> None:
        if self._announced is not None:
            for one in reversed(self.slices):
                if one.until <= (self._announced, 0):
                    break
                one.is_wanted = True
            self._announced = None

    def _is_there(self, one: Slice) -> bool:
        index = self._index(one)
        return index < len(self.slices) and self.slices[index] is one

    def _index(self, one: Slice) -> int:
        return bisect_left(self.slices, one.since, key=lambda other: other.since)

    def _split(self, one: Slice, seconds: float) -> None:
        """Until each part was looked into, it counts as one that takes long."""
        parts = math.ceil(2 * seconds / SLICE_S)
        if one.since != FIRST:
            parts = min(MOST_PARTS, parts)
        if len(self.slices) + parts > MOST_SLICES:
            return
        edges = [one.since, *edges_within(one.since, one.until, parts), one.until]
        index = self._index(one)
        self.slices[index : index + 1] = [
            Slice(since, until, one.looked_at, SLICE_S, one.is_wanted) for since, until in pairwise(edges)
        ]

    def _merge(self, one: Slice) -> None:
        index = self._index(one)
        for before, after in ((index, index + 1), (index - 1, index)):
            if before < 0 or after >= len(self.slices):
                continue
            first, second = self.slices[before], self.slices[after]
            if not (first.is_wanted or second.is_wanted) and first.seconds + second.seconds <= CHEAP_S:
                first.until, first.seconds = second.until, first.seconds + second.seconds
                first.looked_at = min(first.looked_at, second.looked_at)
                del self.slices[after]


def edges_within(since: Place, until: Place, parts: int) -> list[Place]:
    """Where to split what lies between two places into `parts`, or into less where there is not room for so many.

    Evenly by due, or by id where the due is the same. From FIRST on, where nobody knows how far away most is, first at
    1, 4, 16, … seconds before the end, and each of those into the square root of `parts`.
    """
    (since_due, since_id), (until_due, until_id) = since, until
    if since == FIRST:
        steps = [until_due - step for step in _steps(until_due - BEGINNING)]
        edges = [*((due, 0) for due in steps), until]
        return [place for a, b in pairwise(edges) for place in (a, *edges_within(a, b, math.isqrt(parts)))]
    width = until_due - since_due
    if not width:
        parts = min(parts, until_id - since_id)
        return [(since_due, since_id + (until_id - since_id) * n // parts) for n in range(1, parts)]
    parts = min(parts, width // _MICROSECOND)
    return [(since_due + width * n // parts, 0) for n in range(1, parts)]


def _steps(longest: timedelta) -> list[timedelta]:
    steps = [timedelta(seconds=4**n) for n in range(18)]
    return [step for step in reversed(steps) if step < longest]


def _part_from(due: datetime, one: Slice) -> float:
    """Which part of a slice lies from `due` on, if what is there is spread evenly."""
    if due <= one.since[0] or one.since == FIRST:
        return 1.0
    return max(one.until[0] - due, timedelta(0)) / (one.until[0] - one.since[0])
