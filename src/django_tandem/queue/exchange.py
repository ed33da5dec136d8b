"""Exchange: outcomes go to the database and claims come from it, with one commit for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import psycopg

from django_tandem.queue import finish
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection
from django_tandem.queue.job import Job, Outcome


def exchange(
    connection: Connection, owner: Owner, outcomes: Sequence[Outcome], claim: Callable[[], list[Job]] | None
) -> list[Job]:
    """Write `outcomes`, then call `claim`; what it claimed. Raises psycopg.Error where neither happened."""
    try:
        with connection.transaction() if outcomes and claim else nullcontext():
            dropped = finish.finish(connection, owner, outcomes) if outcomes else []
            jobs = claim() if claim else []
    except psycopg.DataError:
        # One outcome that cannot be stored must not hold up the others.
        dropped = finish.finish_each(connection, owner, outcomes)
        jobs = []
    if dropped:
        finish.report(connection, owner, dropped)
    return jobs
