"""The scheduler: a loop that makes scheduled jobs ready when their time comes, sees to those that nobody else sees to,
and keeps partitions ahead of time."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

from psycopg import sql

from django_tandem.queue import events, limits
from django_tandem.queue.allowance import Allowance
from django_tandem.queue.connect import Connection
from django_tandem.queue.loop import repeat
from django_tandem.queue.options import queue_options
from django_tandem.queue.priority import DEFAULT_PATIENCE
from django_tandem.queue.statements import statement
from django_tandem.queue.sweep import BEGINNING

# A job starts at most this much after its time.
LOOK_S = 0.2

SWEEP_EVERY_S = 1.0

# In one statement, so that a million jobs that fall due at once do not make one long transaction.
BATCH = 1000

PARTITION_DAYS_AHEAD = 7
PARTITIONS_EVERY_S = 3600.0
PARTITIONS_AGAIN_S = 60.0

# Who reads results waits behind the lock that a new partition takes, so it is not waited for long: there is a week's
# time.
LOCK_TIMEOUT = "2s"

_BY_DAY = re.compile(r"tandem_result_\d{8}")

# Attached, not created as a partition: that would lock out everybody who finishes a job, too.
_NEW_PARTITION = (
    sql.SQL("CREATE TABLE {name} (LIKE tandem_result INCLUDING ALL)"),
    sql.SQL(
        "WITH moved AS (DELETE FROM tandem_result_rest"
        " WHERE finished_at >= {since} AND finished_at < {until} RETURNING *)"
        " INSERT INTO {name} SELECT * FROM moved"
    ),
    sql.SQL("ALTER TABLE tandem_result ATTACH PARTITION {name} FOR VALUES FROM ({since}) TO ({until})"),
)


def run(alias: str, stop: threading.Event) -> None:
    """Look five times a second, until `stop` is set. What walks over all that has died, where a long transaction keeps
    it, is done less often then."""
    everywhere, limited, rest = Allowance(0.0), Allowance(0.0), Allowance(SWEEP_EVERY_S)
    next_partitions = 0.0
    swept_to, promoted_to = "", BEGINNING

    def turn(connection: Connection) -> None:
        nonlocal next_partitions, swept_to, promoted_to
        if everywhere.is_due:
            with everywhere.look():
                at = _now(connection)
                _repeat(partial(promote, connection), stop)
            promoted_to = at
        else:
            _repeat(partial(promote, connection, promoted_to), stop)
        if limited.is_due:
            with limited.look():
                swept_to = limits.sweep(connection, swept_to)
        if rest.is_due:
            with rest.look():
                end_cancelled(connection)
                unpark(connection)
                _repeat(partial(expire, connection), stop)
        if time.monotonic() >= next_partitions:
            next_partitions = time.monotonic() + PARTITIONS_AGAIN_S
            make_partitions(connection)
            drop_partitions(connection)
            next_partitions = time.monotonic() + PARTITIONS_EVERY_S

    repeat("scheduler", alias, stop, turn, every_s=LOOK_S)


def _repeat(batch: Callable[[], int], stop: threading.Event) -> None:
    while batch() >= BATCH and not stop.is_set():
        pass


def promote(connection: Connection, since: datetime = BEGINNING) -> int:
    """Make ready what is due, and was to be ready at `since` or later, at most BATCH jobs; returns how many."""
    patience = queue_options().patience
    rows = connection.execute(
        statement("schedule", "promote"),
        {
            "queues": list(patience),
            "patiences": list(patience.values()),
            "patience": DEFAULT_PATIENCE,
            "since": since,
            "count": BATCH,
        },
    ).fetchall()
    return sum(jobs for _, jobs, _ in rows)


def expire(connection: Connection) -> int:
    """End the jobs that nobody began in time, at most BATCH; returns how many."""
    ended = len(connection.execute(statement("schedule", "expire"), {"count": BATCH}).fetchall())
    if ended:
        events.expired(ended)
    return ended


def end_cancelled(connection: Connection) -> None:
    """End the jobs that were cancelled while they ran, and whose worker died before it heard of it."""
    for ids, by in connection.execute(statement("control", "cancelled_and_waiting")).fetchall():
        every = {"queue": None, "task": None, "state": None, "priority": None, "count": len(ids)}
        connection.execute(statement("control", "cancel_waiting"), {**every, "ids": ids, "by": by})


def unpark(connection: Connection) -> None:
    """Make ready at most BATCH jobs that a worker parked after their task had been resumed."""
    connection.execute(statement("pause", "unpark"), {"count": BATCH})


def make_partitions(connection: Connection) -> list[str]:
    """Make the partitions of tandem_result for today (UTC) and the coming week; returns the names of new ones.

    What finished on a day that had none is in the rest, and moves into the new one. Raises
    psycopg.errors.LockNotAvailable where somebody holds on to the rest.
    """
    there = {name for (name,) in connection.execute(statement("results", "partitions"))}
    today = _now(connection).date()
    days = {today + timedelta(days=ahead) for ahead in range(PARTITION_DAYS_AHEAD + 1)}
    days |= {day for (day,) in connection.execute(statement("results", "days_in_rest"))}
    missing = {f"tandem_result_{day:%Y%m%d}": day for day in sorted(days)}.items()
    return [name for name, day in missing if name not in there and _make_partition(connection, name, day)]


def drop_partitions(connection: Connection) -> list[str]:
    """Drop the partitions of days (UTC) that are older than the retention; returns their names. Raises
    psycopg.errors.LockNotAvailable where somebody reads results for long."""
    today = _now(connection).date()
    oldest = f"tandem_result_{today - queue_options().retention:%Y%m%d}"
    there = sorted(name for (name,) in connection.execute(statement("results", "partitions")))
    old = [name for name in there if _BY_DAY.fullmatch(name) and name < oldest]
    for name in old:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
        events.results_dropped(name)
    return old


def _now(connection: Connection) -> datetime:
    """In UTC, by the database's clock."""
    ((now,),) = connection.execute("SELECT clock_timestamp()").fetchall()
    return now  # type: ignore[no-any-return]


def _make_partition(connection: Connection, name: str, day: date) -> bool:
    """False: another scheduler was first."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
        connection.execute("LOCK TABLE tandem_result_rest IN ACCESS EXCLUSIVE MODE")
        if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
            return False
        for step in _NEW_PARTITION:
            connection.execute(
                step.format(
                    name=sql.Identifier(name),
                    since=f"{day} 00:00+00",
                    until=f"{day + timedelta(days=1)} 00:00+00",
                )
            )
    return True
