"""Atomic jobs: the body and the job's completion commit in one transaction, so both are there, or neither."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connections, transaction

from django_tandem.queue import events
from django_tandem.queue.claim import Owner
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.options import queue_database
from django_tandem.queue.statements import statement
from django_tandem.queue.states import State

_FINISH_WITH_BODY = statement("finish", "finish_with_body")


class LeaseLost(Exception):
    """While the job ran here, it was given to another: what it did is rolled back."""


def run(job: Job, owner: Owner, began: float, body: Callable[[], Any], dump: Callable[[Any], str | None]) -> Outcome:
    """Call `body` and finish `job` with what it returned, in one transaction on the queue's database. The outcome is
    settled. `dump` makes the text that is kept.

    Whatever happens up to the commit rolls both back and is raised: what `body` or `dump` raises, LeaseLost, or what
    the database says. What happens after it (a function that the project gave to on_commit raises, the time is over)
    is reported, and changes nothing.
    """
    database = queue_database()
    done: list[Outcome] = []
    committed: list[bool] = []
    try:
        with transaction.atomic(using=database):
            transaction.on_commit(lambda: committed.append(True), using=database)
            returned = dump(body())
            ended = time.monotonic()
            done.append(Outcome(job, State.SUCCESSFUL, began, ended, returned, job.history, is_settled=True))
            _finish(database, owner, done[0])
    except BaseException as error:
        if not committed:
            raise
        events.failed_after_commit(job, error)
    return done[0]


def _finish(database: str, owner: Owner, outcome: Outcome) -> None:
    with connections[database].cursor() as cursor:
        cursor.execute(
            _FINISH_WITH_BODY,
            {
                "server": owner.server,
                "id": outcome.job.id,
                "attempt": outcome.job.attempt,
                "began": time.monotonic() - outcome.began,
                "returned": outcome.returned,
            },
        )
        if cursor.fetchone() is None:
            raise LeaseLost
