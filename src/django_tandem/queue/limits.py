"""Limits: of the jobs that share a key only so many are ready or running, over the whole fleet.

A limited job waits outside the ready index until its key has room, so however many wait, no claim walks over them. Who
makes room lets the next one in: a worker when a job has ended, an enqueuer when its job is there, and the scheduler in
case one of those died in between.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connections, transaction

from django_tandem.queue.connect import Connection
from django_tandem.queue.statements import statement

_LOCK = statement("limit", "lock")
_ADMIT = statement("limit", "admit")
_KEYS_WITH_ROOM = statement("limit", "keys_with_room")

# How many keys the scheduler looks at in a turn.
KEYS_A_TURN = 1000


def admit(connection: Connection, keys: Collection[str]) -> None:
    """Let jobs of `keys` begin, as many as there is room for, in the order in which they are due."""
    with connection.transaction():
        connection.execute(_LOCK, {"keys": sorted(keys)})
        connection.execute(_ADMIT, {"keys": sorted(keys)})


def admit_on_commit(database: str, keys: Collection[str]) -> None:
    """As admit, on Django's connection, when the caller's transaction has committed: until then its locks would hold
    up every worker that ends a job of these keys."""

    def now() -> None:
        with transaction.atomic(using=database), connections[database].cursor() as cursor:
            cursor.execute(_LOCK, {"keys": sorted(keys)})
            cursor.execute(_ADMIT, {"keys": sorted(keys)})

    transaction.on_commit(now, using=database)


def sweep(connection: Connection, after: str) -> str:
    """Admit what nobody else has, among the KEYS_A_TURN keys after `after`; returns where to go on ("": from the
    start)."""
    looked_at = connection.execute(_KEYS_WITH_ROOM, {"after": after, "count": KEYS_A_TURN}).fetchall()
    if with_room := [key for key, has_room in looked_at if has_room]:
        admit(connection, with_room)
    return looked_at[-1][0] if len(looked_at) == KEYS_A_TURN else ""
