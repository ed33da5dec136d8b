"""The scheduler: a loop that makes scheduled jobs ready when their time comes, and keeps partitions ahead of time."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone

from psycopg import sql

from django_tandem.queue.connect import Connection
from django_tandem.queue.loop import repeat
from django_tandem.queue.options import queue_options
from django_tandem.queue.priority import DEFAULT_PATIENCE
from django_tandem.queue.statements import statement

# A job starts at most this much after its time.
LOOK_S = 0.2

# In one statement, so that a million jobs that fall due at once do not make one long transaction.
PROMOTE_BATCH = 1000

PARTITION_DAYS_AHEAD = 7
PARTITIONS_EVERY_S = 3600.0


def run(alias: str, stop: threading.Event) -> None:
    """Look five times a second, until `stop` is set."""
    next_partitions = 0.0

    def turn(connection: Connection) -> None:
        nonlocal next_partitions
        if time.monotonic() >= next_partitions:
            make_partitions(connection)
            next_partitions = time.monotonic() + PARTITIONS_EVERY_S
        while promote(connection) >= PROMOTE_BATCH and not stop.is_set():
            pass

    repeat("scheduler", alias, stop, turn, every_s=LOOK_S)


def promote(connection: Connection) -> int:
    """Make ready what is due, at most PROMOTE_BATCH jobs; returns how many."""
    patience = queue_options().patience
    rows = connection.execute(
        statement("schedule", "promote"),
        {
            "queues": list(patience),
            "patiences": list(patience.values()),
            "patience": DEFAULT_PATIENCE,
            "count": PROMOTE_BATCH,
        },
    ).fetchall()
    return sum(jobs for _, jobs, _ in rows)


def make_partitions(connection: Connection) -> list[str]:
    """Make the partitions of tandem_result for today (UTC) and the coming week; returns the names of new ones."""
    there = {name for (name,) in connection.execute(statement("results", "partitions"))}
    (now,) = connection.execute("SELECT clock_timestamp()").fetchone() or (datetime.now(timezone.utc),)
    today, made = now.date(), []
    for ahead in range(PARTITION_DAYS_AHEAD + 1):
        day = today + timedelta(days=ahead)
        name = f"tandem_result_{day:%Y%m%d}"
        if name not in there:
            connection.execute(
                sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF tandem_result FOR VALUES FROM ({}) TO ({})").format(
                    sql.Identifier(name),
                    sql.Literal(f"{day} 00:00+00"),
                    sql.Literal(f"{day + timedelta(days=1)} 00:00+00"),
                )
            )
            made.append(name)
    return made
