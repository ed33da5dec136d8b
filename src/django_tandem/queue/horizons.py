"""Horizons: from where on, in the order of claim, a job that is ready may be, a queue."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django_tandem.queue.allowance import Allowance
from django_tandem.queue.job import Job
from django_tandem.queue.sweep import BEGINNING, EVER, FIRST, SLICE_S, Place, Slice, Sweep

# How many announcements a claim may miss on its way and still raise the bounds.
MOST_MISSED = 100

# Of so many claims the quickest tells how long the way to the database and back takes.
RECENT = 20

# So many dues below a horizon are looked for one by one.
MOST_POINTS = 100

_MICROSECOND = timedelta(microseconds=1)


class Range(NamedTuple):
    """Where a claim looks: from a place on, up to another."""

    queue: str
    due: datetime
    id: int
    until_due: datetime
    until_id: int


class Look(NamedTuple):
    """A look below the horizon."""

    where: Range
    part: Slice
    began: float


class Horizons:
    """A place, a queue, below which nothing is ready; it keeps a claim off the versions of claimed rows that a long
    transaction keeps from being cleaned away.

    It follows what was claimed. An earlier due that is announced lowers it; where much has died in between, the due is
    looked for by itself. In case that an announcement was missed all that lies below is looked into as well, slice by
    slice: each second where that is cheap, else as often as Allowance lets. May be called from any thread.
    """

    def __init__(self, queues: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.heard = 0  # how many announcements; a claim remembers where it stood when it began
        self._bounds = dict.fromkeys(queues, FIRST)
        self._points: dict[str, dict[datetime, int]] = {queue: {} for queue in self._bounds}
        self._sweeps = {queue: Sweep(clock) for queue in self._bounds}
        self._turn = deque(self._bounds)
        self._allowance = Allowance(0.0, clock, burst_s=SLICE_S)
        self._announced: deque[tuple[str, datetime]] = deque(maxlen=MOST_MISSED)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._followers: list[Horizons] = []
        self._lock = threading.Lock()

    def followed_by(self, other: Horizons) -> None:
        """What is learnt here of where nothing is ready, `other` shall learn too. It hears the same announcements."""
        self._followers.append(other)

    def now(self) -> list[Place]:
        """The bounds."""
        return list(self._bounds.values())

    def drop(self) -> None:
        """What was announced meanwhile is not known: a job may be ready anywhere."""
        with self._lock:
            self._bounds = dict.fromkeys(self._bounds, FIRST)
            for points in self._points.values():
                points.clear()

    def announced(self, queue: str, due: datetime) -> None:
        """A job became ready."""
        if queue in self._bounds:
            with self._lock:
                self._announced.append((queue, due))
                self.heard += 1
                self._lower(queue, due)

    def ranges(self, before: datetime = EVER) -> list[Range]:
        """Where to look for jobs that are due before `before`. No two of them have a place in common."""
        with self._lock:
            ranges = [Range(queue, *bound, before, 0) for queue, bound in self._bounds.items()]
            for queue, points in self._points.items():
                bound = self._bounds[queue]
                ranges += [
                    Range(queue, due, 0, *min((due + _MICROSECOND, 0), bound))
                    for due in points
                    if due < before and (due, 0) < bound
                ]
        return ranges

    def claimed(self, jobs: Sequence[Job], heard: int, *, is_all: bool = False, seconds: float = 0.0) -> None:
        """These jobs were claimed in the ranges, in their order: nothing ready was due before the first of a queue,
        except what was announced since the claim began, when `heard` stood so. `is_all`: nor after the last. `seconds`:
        how long it took."""
        with self._lock:
            self._recent.append(seconds)
            self._drop_points(heard, EVER if is_all else jobs[-1].due if jobs else BEGINNING)
            firsts = self._firsts(jobs)
            self._raise(firsts, heard, seconds)
        for other in self._followers:
            with other._lock:
                other._raise(firsts, heard, 0.0)

    def look(self) -> Look | None:
        """Where to look now for jobs of which no announcement told; None: nowhere yet."""
        with self._lock:
            if not self._allowance.is_due:
                return None
            for queue in self._turn:
                bound = self._bounds[queue]
                if (one := self._sweeps[queue].next(bound)) is not None:
                    break
            else:
                return None
            self._turn.remove(queue)
            self._turn.append(queue)
        return Look(Range(queue, *one.since, *min(one.until, bound)), one, self.clock())

    def looked(self, look: Look, *, is_all: bool) -> None:
        """The look has ended; `is_all`: what it found is all that was there, else it is worth another at once."""
        with self._lock:
            if is_all:
                seconds = self.clock() - look.began
                self._allowance.spent(seconds)
                way = min(self._recent, default=0.0)
                self._sweeps[look.where.queue].looked(look.part, seconds - min(way, seconds))
            else:
                look.part.is_wanted = True

    def _lower(self, queue: str, due: datetime) -> None:
        place, points = (due, 0), self._points[queue]
        if place >= self._bounds[queue]:
            return
        if self._sweeps[queue].is_cheap(due):
            self._bounds[queue] = place
            return
        points[due] = self.heard
        self._sweeps[queue].announced(due)
        if len(points) > MOST_POINTS:
            self._bounds[queue] = (min(points), 0)
            points.clear()

    def _drop_points(self, heard: int, before: datetime) -> None:
        """Those that were there when the claim began, and where it has found all that there was."""
        for points in filter(None, self._points.values()):
            for due in [due for due, at in points.items() if at <= heard and due < before]:
                del points[due]

    def _firsts(self, jobs: Sequence[Job]) -> dict[str, Place]:
        firsts: dict[str, Place] = {}
        for job in jobs:
            if job.queue not in firsts and (place := (job.due, job.id)) >= self._bounds[job.queue]:
                firsts[job.queue] = place
                if len(firsts) == len(self._bounds):
                    break
        return firsts

    def _raise(self, firsts: Mapping[str, Place], heard: int, seconds: float) -> None:
        missed = self.heard - heard
        if missed > MOST_MISSED:
            return
        for queue, place in firsts.items():
            if place >= self._bounds[queue]:
                self._bounds[queue] = place
                self._sweeps[queue].risen(place, seconds)
        for queue, due in list(self._announced)[-missed:] if missed > 0 else ():
            self._lower(queue, due)
