"""Claim: take the jobs that are due first, in one statement, under the fence."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from typing import NamedTuple

from django_tandem.queue.connect import Connection
from django_tandem.queue.job import Job
from django_tandem.queue.priority import LOWEST
from django_tandem.queue.statements import statement

_CLAIM = statement("claim", "claim")
_CLAIM_AT_LEAST = statement("claim", "claim_at_least")
_RELEASE = statement("claim", "release")
_POSTPONE = statement("claim", "postpone")
_PARK = statement("pause", "park_claimed")
_PAUSED_TASKS = statement("pause", "paused_tasks")
_CANCELLED = statement("control", "cancelled")
_STRAYS = statement("claim", "strays")

# What bounds a search that has no bound: PostgreSQL's infinities have no datetime.
EVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
BEGINNING = datetime(1, 1, 2, tzinfo=timezone.utc)

RESCAN_S = 1.0

# How many announcements a claim may miss on its way and still raise the bounds.
MOST_MISSED = 100

# A job that cannot run here is offered again after this time, to a server that knows its task.
POSTPONE = timedelta(seconds=10)


class Owner(NamedTuple):
    """Who claims: the server's id and the worker's process id."""

    server: int
    worker: int


class Horizons:
    """A lower bound on due, a queue, below which nothing is ready.

    It follows what was claimed, so that a claim does not walk over the versions of claimed rows that some long
    transaction keeps from being cleaned away. It is lowered when an earlier due is announced, and dropped every second,
    in case that an announcement was missed.
    """

    def __init__(self, queues: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = dict.fromkeys(queues, BEGINNING)
        self._clock = clock
        self._dropped_at = clock()
        self._announced: deque[tuple[str, datetime]] = deque(maxlen=MOST_MISSED)
        self.heard = 0  # how many announcements; a claim remembers where it stood when it began

    @property
    def queues(self) -> list[str]:
        """The queues, in the order of the bounds."""
        return list(self._bounds)

    def now(self) -> list[datetime]:
        """The bounds to claim with."""
        if self._clock() - self._dropped_at >= RESCAN_S:
            self._dropped_at = self._clock()
            self._bounds = dict.fromkeys(self._bounds, BEGINNING)
        return list(self._bounds.values())

    def announced(self, queue: str, due: datetime) -> None:
        """A job became ready."""
        if queue in self._bounds:
            self._announced.append((queue, due))
            self.heard += 1
            self._bounds[queue] = min(due, self._bounds[queue])

    def claimed(self, jobs: Sequence[Job], heard: int) -> None:
        """These jobs were claimed, in their order: nothing ready was due before the first of a queue, except what was
        announced since the claim began, when `heard` stood so."""
        if self.heard - heard > MOST_MISSED:
            return
        for job in reversed(jobs):
            self._bounds[job.queue] = job.due
        missed = self.heard - heard
        for queue, due in list(self._announced)[-missed:] if missed else ():
            self._bounds[queue] = min(due, self._bounds[queue])


def claim(
    connection: Connection,
    owner: Owner,
    epoch: int,
    horizons: Horizons,
    count: int,
    *,
    before: datetime = EVER,
    least: int = LOWEST,
) -> list[Job]:
    """At most `count` ready jobs that are due before `before`, in their order; now `owner` runs them.

    Where `least` is above 0 it is those of at least this priority, whatever is due before them: `horizons` are those of
    such jobs then, and there is no `before`. No jobs where the fence has moved past `epoch`.
    """
    heard = horizons.heard
    parameters = {
        "server": owner.server,
        "worker": owner.worker,
        "epoch": epoch,
        "queues": horizons.queues,
        "horizons": horizons.now(),
        "count": count,
        **({"before": before} if least == LOWEST else {"least": least}),
    }
    how = _CLAIM if least == LOWEST else _CLAIM_AT_LEAST
    rows = connection.execute(how, parameters, binary=True).fetchall()
    jobs = sorted(map(Job._make, rows), key=attrgetter("due", "id"))
    if before is EVER:
        horizons.claimed(jobs, heard)
    return jobs


def claim_unpaused(
    connection: Connection,
    owner: Owner,
    epoch: int,
    horizons: Horizons,
    count: int,
    *,
    before: datetime,
    least: int,
    paused: Collection[str],
    how: Callable[..., list[Job]] | None = None,
) -> list[Job]:
    """As claim, or as `how` does it, without the jobs of `paused` tasks: those are parked, and others claimed in their
    place.

    What is paused is read anew after each time: of a task that has been resumed meanwhile the jobs come back at once,
    and would be claimed and parked for ever by who does not get to hear of it.
    """
    found: list[Job] = []
    take = how or claim
    while count > 0 and (jobs := take(connection, owner, epoch, horizons, count, before=before, least=least)):
        parked = [job for job in jobs if job.task in paused] if paused else []
        found += [job for job in jobs if job.task not in paused] if parked else jobs
        if not parked:
            break
        park(connection, owner, parked)
        count, paused = len(parked), paused_tasks(connection)
    return found


def release(connection: Connection, owner: Owner, jobs: Collection[Job]) -> None:
    """Give back jobs that were claimed and not begun: ready as before, the attempt not counted."""
    if jobs:
        connection.execute(_RELEASE, {**owner._asdict(), "ids": [job.id for job in jobs]})


def postpone(connection: Connection, owner: Owner, job: Job) -> None:
    """Put back a job whose task this release does not know, to be offered again later; the attempt not counted."""
    connection.execute(_POSTPONE, {"server": owner.server, "id": job.id, "attempt": job.attempt, "delay": POSTPONE})


def park(connection: Connection, owner: Owner, jobs: Collection[Job]) -> None:
    """Put back jobs that were claimed and not begun, because their task is paused: outside the ready index, until it
    is resumed."""
    connection.execute(_PARK, {**owner._asdict(), "ids": [job.id for job in jobs]})


def paused_tasks(connection: Connection) -> frozenset[str]:
    """The paths of tasks whose jobs are not to be begun."""
    return frozenset(name for (name,) in connection.execute(_PAUSED_TASKS))


def cancelled(connection: Connection, owner: Owner) -> dict[int, str]:
    """The jobs of `owner` that somebody wants to end, and who."""
    return dict(connection.execute(_CANCELLED, owner._asdict()).fetchall())


def return_strays(connection: Connection, owner: Owner, in_hand: Collection[int]) -> None:
    """After a broken connection: give back what the table says is ours and is not `in_hand` (a claim whose answer was
    lost on the way)."""
    connection.execute(_STRAYS, {**owner._asdict(), "ids": list(in_hand)})
