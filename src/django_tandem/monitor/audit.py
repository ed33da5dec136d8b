"""Audit: who did what in the dashboard, or was refused, and what came of it.

A row is written before anything is done and again after, each in a transaction of its own: what was begun is known also
where its end is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from django.db import connections
from psycopg.types.json import Jsonb

from django_tandem.monitor.statements import statement
from django_tandem.queue.connect import Connection
from django_tandem.queue.options import queue_database

Outcome = Literal["began", "done", "refused", "failed"]


class Entry(NamedTuple):
    """`who` is a user's name, `via` from where; `detail`: what was asked for, without secrets; `text`: what came of
    it."""

    id: int
    at: datetime
    who: str
    via: str
    action: str
    detail: dict[str, Any]
    outcome: Outcome
    text: str


def write(
    who: str, via: str, action: str, detail: Mapping[str, Any], outcome: Outcome = "began", text: str = ""
) -> int:
    """Write an entry; its number."""
    row = {"who": who, "via": via, "action": action, "detail": Jsonb(dict(detail)), "outcome": outcome, "text": text}
    ((entry,),) = _rows("began", row)
    return int(entry)


def end(entry: int, outcome: Outcome, text: str) -> None:
    """Write what came of it."""
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement("audit", "ended"), {"id": entry, "outcome": outcome, "text": text})


def read(entry: int) -> Entry | None:
    """An entry; None where there is none of this number."""
    found = _rows("one", {"id": entry})
    return _entry(found[0]) if found else None


def newest(count: int) -> list[Entry]:
    """At most `count` entries, newest first."""
    return [_entry(row) for row in _rows("newest", {"count": count})]


def forget(connection: Connection, older_than: timedelta) -> None:
    """Forget what is older."""
    connection.execute(statement("audit", "forget"), {"older_than": older_than})


def _entry(row: tuple[Any, ...]) -> Entry:
    entry = Entry(*row)
    return entry._replace(detail=json.loads(str(entry.detail)))  # Django leaves what JSON holds to its fields


def _rows(name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement("audit", name), parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
