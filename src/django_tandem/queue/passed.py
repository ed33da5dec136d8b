"""Passed: how far a backlog of jobs that yield was looked past, for slots that are closed to them.

They stand among the others in the order of due, and no index leaves them out: it would cost every job something. So
closed slots look past them, so many at a time, and remember how far they came.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter

from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection
from django_tandem.queue.horizons import MOST_MISSED
from django_tandem.queue.job import Job
from django_tandem.queue.statements import statement
from django_tandem.queue.sweep import EVER, FIRST, Place
from django_tandem.queue.yielding import USUAL

_LOOKED_PAST = statement("yield", "looked_past")
_CLAIM_USUAL = statement("yield", "claim_usual")

# So many jobs are looked past at once, and so often in a row.
LOOK = 1000
LOOKS = 5

# How often to begin at the front again, for what no announcement told.
RESCAN_S = 30.0

START = FIRST
END: Place = (EVER, 0)


class Passed:
    """The place in each queue before which no job is ready that does not yield. `has_more`: the last look did not come
    to the end. Announcements may come from another thread."""

    def __init__(self, queues: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._places = dict.fromkeys(queues, START)
        self._clock = clock
        self._began_at = clock()
        self._announced: deque[tuple[str, datetime]] = deque(maxlen=MOST_MISSED)
        self.heard = 0
        self.has_more = False

    def now(self) -> dict[str, Place]:
        """From where on to look."""
        if self._clock() - self._began_at >= RESCAN_S:
            self._began_at = self._clock()
            self._places = dict.fromkeys(self._places, START)
        return dict(self._places)

    def announced(self, queue: str, due: datetime) -> None:
        """A job became ready."""
        if queue in self._places:
            self._announced.append((queue, due))
            self.heard += 1
            self._places[queue] = min((due, 0), self._places[queue])

    def looked(self, to: Mapping[str, Place], heard: int, *, has_more: bool) -> None:
        """All was claimed before `to` that does not yield, except what was announced since `heard` stood so."""
        self.has_more = has_more
        missed = self.heard - heard
        if missed > MOST_MISSED:
            return
        self._places.update(to)
        for queue, due in list(self._announced)[-missed:] if missed else ():
            self._places[queue] = min((due, 0), self._places[queue])


def claim_usual(connection: Connection, owner: Owner, epoch: int, passed: Passed, count: int) -> list[Job]:
    """At most `count` ready jobs of at least the priority USUAL, in the order of due; now `owner` runs them. It looks
    past LOOKS × LOOK jobs that yield, and goes on from there the next time."""
    found: list[Job] = []
    for _ in range(LOOKS):
        jobs = _look(connection, owner, epoch, passed, count - len(found))
        found += jobs
        if len(found) == count or not passed.has_more:
            break
    return sorted(found, key=attrgetter("due", "id"))


def _look(connection: Connection, owner: Owner, epoch: int, passed: Passed, count: int) -> list[Job]:
    heard, places = passed.heard, passed.now()
    since = {
        "queues": list(places),
        "dues": [due for due, _ in places.values()],
        "ids": [id_ for _, id_ in places.values()],
    }
    ends = {queue: (due, id_) for queue, due, id_ in connection.execute(_LOOKED_PAST, {**since, "look": LOOK})}
    until = [ends.get(queue, END) for queue in places]
    parameters = {
        **since,
        "ends": [due for due, _ in until],
        "end_ids": [id_ for _, id_ in until],
        "least": USUAL,
        "count": count,
        "server": owner.server,
        "worker": owner.worker,
        "epoch": epoch,
    }
    rows = connection.execute(_CLAIM_USUAL, parameters, binary=True).fetchall()
    jobs = sorted(map(Job._make, rows), key=attrgetter("due", "id"))
    if len(jobs) < count:
        passed.looked(ends, heard, has_more=bool(ends))
    else:  # there may be more of them before the ends
        passed.looked({job.queue: (job.due, job.id) for job in jobs}, heard, has_more=True)
    return jobs
