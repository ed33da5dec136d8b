"""Stream: many jobs written at once, as COPY, under ids that were reserved.

A row is made of bytes as the binary format of COPY wants them, which PostgreSQL reads faster than text and in which
nothing is escaped: postgresql.org, "COPY", "Binary Format".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from itertools import islice
from struct import Struct

from django.db import connections

from django_tandem.queue.statements import statement

_RESERVE = statement("enqueue", "reserve")
_COPY = statement("enqueue", "copy")
_ANNOUNCE = statement("enqueue", "announce")

# Sent at once: PostgreSQL writes these rows while the next are made.
CHUNK = 500

_SIGNATURE, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"

# Each value comes after its length in bytes, -1 for NULL; a row after the number of its columns.
_COLUMNS = 14
_row, _length, _smallint, _time = Struct(">hiq").pack, Struct(">i").pack, Struct(">ih").pack, Struct(">iq").pack
_NULL = _length(-1)

_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=timezone.utc), timedelta(microseconds=1)


def reserve(database: str, count: int) -> tuple[list[int], datetime]:
    """New ids, and the time in UTC, by the database's clock."""
    with connections[database].cursor() as cursor:
        cursor.execute(_RESERVE, {"count": count})
        ids, at = cursor.fetchone()
        return ids or [], datetime.fromtimestamp(at, timezone.utc)


def row(job_id: int) -> bytes:
    """The beginning of a row: its id."""
    return _row(_COLUMNS, 8, job_id)


def text(value: str | None) -> bytes:
    """A text, or NULL."""
    if value is None:
        return _NULL
    data = value.encode()
    return _length(len(data)) + data


def smallint(value: int | None) -> bytes:
    """A number of two bytes, or NULL."""
    return _NULL if value is None else _smallint(2, value)


def time(value: datetime | None) -> bytes:
    """A time with time zone, or NULL: in microseconds since 2000."""
    return _NULL if value is None else _time(8, (value - _EPOCH) // _MICROSECOND)


def write(database: str, rows: Iterable[bytes]) -> int:
    """Write rows, each the columns of the statement `copy` as the functions above make them; how many there were.
    Raises Django's database errors.

    `rows` may be made as they are asked for, by what does not ask the database: it would wait for ever."""
    connection, rows, count = connections[database], iter(rows), 0
    with (
        connection.cursor() as cursor,
        # Django wraps the errors of its cursors' own methods, and copy is not one of them.
        connection.wrap_database_errors,
        cursor.copy(_COPY) as stream,
    ):
        stream.write(_SIGNATURE)
        while chunk := list(islice(rows, CHUNK)):
            stream.write(b"".join(chunk))
            count += len(chunk)
        stream.write(_TRAILER)
    return count


def announce(database: str, queue: str, due: datetime, priority: int) -> None:
    """Tell the workers of a queue, at commit, of jobs that are ready: the earliest due, and a priority."""
    with connections[database].cursor() as cursor:
        cursor.execute(_ANNOUNCE, {"queue": queue, "due": due, "priority": priority})
