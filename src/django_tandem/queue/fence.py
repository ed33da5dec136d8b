"""The fence: one row says which release may claim. An epoch rises with each change, and every claim compares it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, cast

from psycopg import errors as postgres

from django_tandem.errors import NotMigrated
from django_tandem.queue.connect import Connection
from django_tandem.queue.statements import statement


class Fence(NamedTuple):
    """`release` is None until a first server has taken the fence."""

    release: str | None
    epoch: int


def read(connection: Connection) -> Fence:
    """Where the fence stands. Raises NotMigrated."""
    try:
        row = connection.execute(statement("fence", "read")).fetchone()
    except postgres.UndefinedTable:
        row = None
    if row is None:
        raise NotMigrated("Tandem's tables are missing; run: tandem manage migrate")
    return Fence(*row)


def since(connection: Connection) -> datetime:
    """When it moved last, or was made."""
    (changed_at,) = connection.execute(statement("fence", "since")).fetchone() or ()
    return cast(datetime, changed_at)


def take_if_empty(connection: Connection, release: str) -> Fence:
    """The first server on an empty fence takes it. Returns where the fence stands then."""
    return _move(connection, "take_if_empty", release)


def activate(connection: Connection, release: str) -> Fence:
    """Move the fence to `release`: from now on servers of another release claim nothing. Returns where it stands."""
    return _move(connection, "activate", release)


def lift(connection: Connection) -> Fence:
    """Name no release: nobody may claim until one is activated. Returns where it stands."""
    return _move(connection, "lift", None)


def _move(connection: Connection, how: str, release: str | None) -> Fence:
    read(connection)  # so that missing tables are told as such
    with connection.transaction():
        if connection.execute(statement("fence", how), {"release": release}).rowcount:
            connection.execute(statement("fence", "announce"), {"release": release or ""})
        return read(connection)
