"""Claim: take the jobs that are due first, in one statement, under the fence."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from django_tandem.queue.connect import Connection
from django_tandem.queue.horizons import Horizons, Range
from django_tandem.queue.job import Job
from django_tandem.queue.priority import LOWEST
from django_tandem.queue.statements import statement
from django_tandem.queue.sweep import EVER

_CLAIM = statement("claim", "claim")
_CLAIM_IN_RANGES = statement("claim", "claim_in_ranges")
_CLAIM_AT_LEAST = statement("claim", "claim_at_least")
_RELEASE = statement("claim", "release")
_POSTPONE = statement("claim", "postpone")
_PARK = statement("pause", "park_claimed")
_PAUSED_TASKS = statement("pause", "paused_tasks")
_CANCELLED = statement("control", "cancelled")
_STRAYS = statement("claim", "strays")

# A job that cannot run here is offered again after this time, to a server that knows its task.
POSTPONE = timedelta(seconds=10)

# Claim what is ready in these ranges, at most so many.
Find = Callable[[Collection[Range], int], list[Job]]

_in_due_order = attrgetter("due", "id")


class Owner(NamedTuple):
    """Who claims: the server's id and the worker's process id."""

    server: int
    worker: int


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
    such jobs then. No jobs where the fence has moved past `epoch`.
    """
    find = partial(_find, connection, owner, epoch, least)
    below = _find_below(find, horizons, count) if before is EVER else []
    if not (room := count - len(below)):
        return below
    heard, began = horizons.heard, horizons.clock()
    jobs = find(horizons.ranges(before), room)
    if before is EVER:
        horizons.claimed(jobs, heard, is_all=len(jobs) < room, seconds=horizons.clock() - began)
    return sorted(below + jobs, key=_in_due_order) if below else jobs


def _find_below(find: Find, horizons: Horizons, count: int) -> list[Job]:
    """Of which no announcement told: there are none, as a rule."""
    jobs: list[Job] = []
    while (room := count - len(jobs)) and (look := horizons.look()) is not None:
        found = find([look.where], room)
        horizons.looked(look, is_all=len(found) < room)
        jobs += found
    return jobs


def _find(
    connection: Connection, owner: Owner, epoch: int, least: int, ranges: Collection[Range], count: int
) -> list[Job]:
    """What is ready in `ranges`, in the order of due."""
    if not ranges:
        return []
    parameters: dict[str, Any] = {"server": owner.server, "worker": owner.worker, "epoch": epoch, "count": count}
    if least != LOWEST:
        how, parameters = _CLAIM_AT_LEAST, {**parameters, **_columns(ranges), "least": least}
    elif len(ranges) == 1:
        how, parameters = _CLAIM, {**parameters, **next(iter(ranges))._asdict()}
    else:
        how, parameters = _CLAIM_IN_RANGES, {**parameters, **_columns(ranges)}
    rows = connection.execute(how, parameters, binary=True).fetchall()
    return sorted(map(Job._make, rows), key=_in_due_order)


def _columns(ranges: Collection[Range]) -> dict[str, list[Any]]:
    names = ("queues", "dues", "ids", "until_dues", "until_ids")
    return dict(zip(names, map(list, zip(*ranges, strict=True)), strict=True))


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
