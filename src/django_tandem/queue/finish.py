"""Finish: outcomes become results, for the jobs whose lease this worker still has."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import psycopg

from django_tandem.queue import events, limits
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection
from django_tandem.queue.job import Outcome
from django_tandem.queue.run import failed
from django_tandem.queue.statements import statement

_FINISH = statement("finish", "finish")
_RETRY = statement("finish", "retry")
_WRITTEN = statement("finish", "written")

_ID = attrgetter("job.id", "job.attempt")


def finish(connection: Connection, owner: Owner, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write `outcomes`, all or none: one statement for the jobs that have finished, one for those that are to begin
    again; and let begin what waited for them. Returns those that were dropped: their lease was lost."""
    if all(outcome.is_plain for outcome in outcomes):
        return lost(outcomes, _finish(connection, owner, outcomes))
    unsettled = [outcome for outcome in outcomes if not outcome.is_settled]
    finished = [outcome for outcome in unsettled if outcome.wait_s is None]
    again = [outcome for outcome in unsettled if outcome.wait_s is not None]
    keys = {outcome.job.limit_key for outcome in outcomes if outcome.job.limit_key is not None}
    with connection.transaction():
        written = _finish(connection, owner, finished) if finished else set()
        written |= _retry(connection, owner, again) if again else set()
        if keys:
            limits.admit(connection, keys)
    return lost(unsettled, written)


def _finish(connection: Connection, owner: Owner, outcomes: Sequence[Outcome]) -> set[int]:
    cursor = connection.execute(_FINISH, _columns(owner, outcomes), binary=True)
    return {row[0] for row in cursor.fetchall()}


def _retry(connection: Connection, owner: Owner, outcomes: Sequence[Outcome]) -> set[int]:
    in_order = sorted(outcomes, key=_ID)
    parameters = {
        "server": owner.server,
        "ids": [outcome.job.id for outcome in in_order],
        "attempts": [outcome.job.attempt for outcome in in_order],
        "waits": [outcome.wait_s for outcome in in_order],
        "histories": [outcome.history for outcome in in_order],
    }
    return {row[0] for row in connection.execute(_RETRY, parameters)}


def finish_each(connection: Connection, owner: Owner, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """As finish, one by one: an outcome that the database refuses becomes a failure with the reason."""
    dropped = []
    for outcome in outcomes:
        try:
            dropped += finish(connection, owner, [outcome])
        except psycopg.DataError as error:
            events.unwritable(outcome, error)
            dropped += finish(connection, owner, [failed(outcome.job, owner, outcome.began, error, final=True)])
    return dropped


def lost(outcomes: Sequence[Outcome], written: Collection[int]) -> list[Outcome]:
    """The outcomes that are not among the `written` ids."""
    if len(written) == len(outcomes):
        return []
    return [outcome for outcome in outcomes if outcome.job.id not in written]


def already_written(connection: Connection, owner: Owner, outcomes: Sequence[Outcome]) -> set[int]:
    """After a broken connection: the ids among `outcomes` whose results did arrive."""
    parameters = {
        "server": owner.server,
        "ids": [outcome.job.id for outcome in outcomes],
        "attempts": [outcome.job.attempt for outcome in outcomes],
        "histories": [outcome.history for outcome in outcomes],
        "again": [outcome.wait_s is not None for outcome in outcomes],
    }
    return {row[0] for row in connection.execute(_WRITTEN, parameters)}


def report(connection: Connection, owner: Owner, dropped: Sequence[Outcome]) -> None:
    """Tell of `dropped` outcomes, but for those that a statement brought which was cut off: it may have arrived since
    it was last asked for."""
    for outcome in lost(dropped, already_written(connection, owner, dropped)):
        events.lease_lost(outcome)


def _columns(owner: Owner, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Arrays, one element an outcome, in rising order of (id, attempt). Texts that are all NULL are left out:
    PostgreSQL finds an element of such an array by walking over those before it."""
    now = time.monotonic()
    in_order = sorted(outcomes, key=_ID)
    jobs, states, began, ended, returned, histories, *_ = zip(*in_order, strict=True)
    return {
        "server": owner.server,
        "ids": [job.id for job in jobs],
        "attempts": [job.attempt for job in jobs],
        "states": [int(state) for state in states],
        "began": [now - moment for moment in began],
        "ended": [now - moment for moment in ended],
        "returned": list(returned) if any(returned) else None,
        "histories": list(histories) if any(histories) else None,
    }
