"""Stream: many jobs written at once, as COPY, under ids that were reserved."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from django.db import connections

from django_tandem.queue.statements import statement

_RESERVE = statement("enqueue", "reserve")
_COPY = statement("enqueue", "copy")
_COPY_TRACED = statement("enqueue", "copy_traced")
_ANNOUNCE = statement("enqueue", "announce")

NONE = r"\N"


def reserve(database: str, count: int) -> tuple[list[int], datetime]:
    """New ids, and the time in UTC, by the database's clock."""
    with connections[database].cursor() as cursor:
        cursor.execute(_RESERVE, {"count": count})
        ids, at = cursor.fetchone()
        return ids or [], datetime.fromtimestamp(at, timezone.utc)


def write(database: str, rows: Iterable[str], *, traced: bool) -> None:
    """Write rows of the columns of the statement `copy`, each with its end of line, joined by tabs as `copied` makes
    them; where `traced`, with a trace as the last. Raises Django's database errors."""
    connection = connections[database]
    with (
        connection.cursor() as cursor,
        # Django wraps the errors of its cursors' own methods, and copy is not one of them.
        connection.wrap_database_errors,
        cursor.copy(_COPY_TRACED if traced else _COPY) as stream,
    ):
        stream.write("".join(rows))


def announce(database: str, queue: str, due: datetime, priority: int) -> None:
    """Tell the workers of a queue, at commit, of jobs that are ready: the earliest due, and a priority."""
    with connections[database].cursor() as cursor:
        cursor.execute(_ANNOUNCE, {"queue": queue, "due": due, "priority": priority})


def copied(value: Any) -> str:
    """A value in the text format of COPY: postgresql.org, "COPY", "File Formats"."""
    if value is None:
        return NONE
    text = str(value)
    if "\\" not in text and text.isprintable():
        return text
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
