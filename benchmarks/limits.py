"""What raw psycopg reaches on the same server with the least work that could be called a queue."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

import psycopg

SECONDS = 3.0
START_S = 60.0  # a child that died is not waited for for ever
TABLE = """
DROP TABLE IF EXISTS bare_job;
CREATE TABLE bare_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state smallint NOT NULL DEFAULT 0,
    priority smallint NOT NULL DEFAULT 0, run_at timestamptz NOT NULL DEFAULT now(), task text NOT NULL,
    arguments jsonb NOT NULL, worker int, claimed_at timestamptz
);
CREATE INDEX ON bare_job (priority DESC, id) WHERE state = 0;
"""
CLAIM = """
UPDATE bare_job SET state = 1, worker = 1, claimed_at = now() WHERE id = ANY (ARRAY(
    SELECT id FROM bare_job WHERE state = 0 ORDER BY priority DESC, id LIMIT 100 FOR UPDATE SKIP LOCKED
)) RETURNING id, task, arguments
"""
DELETE = "DELETE FROM bare_job WHERE id = ANY (%s)"
INSERT = "INSERT INTO bare_job (task, arguments) VALUES (%s, %s::jsonb) RETURNING id"
INSERT_AND_TELL = "INSERT INTO bare_job (task, arguments) VALUES (%s, '[]') RETURNING id, pg_notify('ping', task)"
CLAIM_ONE = """
UPDATE bare_job SET state = 1, worker = 1, claimed_at = now() WHERE id = (
    SELECT id FROM bare_job WHERE state = 0 ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, task, arguments
"""
UNNEST = """
INSERT INTO bare_job (task, arguments)
SELECT task, arguments::jsonb FROM unnest(%s::text[], %s::text[]) AS new (task, arguments) RETURNING id
"""


def claim_finish_per_s(url: str, rows: int = 500_000) -> float:
    """Jobs a second: two processes, each claims 100 and deletes them, again and again; statistics fresh."""
    with psycopg.connect(url, autocommit=True) as connection:
        _make_table(connection)
        connection.execute(
            "INSERT INTO bare_job (task, arguments) SELECT 'nothing', '[]'::jsonb FROM generate_series(1, %s)", (rows,)
        )
        connection.execute("VACUUM ANALYZE bare_job")
    spawn = multiprocessing.get_context("spawn")
    rates, ready, go = spawn.Queue(), [spawn.Event() for _ in range(2)], spawn.Event()
    processes = [spawn.Process(target=_claim_and_delete, args=(url, event, go, rates)) for event in ready]
    for process in processes:
        process.start()
    for event in ready:
        _arrived(event.wait(START_S))
    go.set()
    total = sum(rates.get(timeout=SECONDS + START_S) for _ in processes)
    for process in processes:
        process.join()
    return float(total)


def _arrived(yes: bool) -> None:
    if not yes:
        raise SystemExit(f"a process of the limits did not start within {START_S} s; its error is above")


def _claim_and_delete(url: str, ready: Event, go: Event, rates: Any) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.cursor()
        ready.set()
        go.wait()
        done, began = 0, time.monotonic()
        while time.monotonic() < began + SECONDS:
            ids = [row[0] for row in cursor.execute(CLAIM).fetchall()]
            if not ids:
                break
            cursor.execute(DELETE, (ids,))
            done += len(ids)
        rates.put(done / (time.monotonic() - began))


def insert_per_s(url: str) -> float:
    """Rows a second, one by one, each in a commit of its own."""
    return _repeat(url, 1, lambda cursor: cursor.execute(INSERT, ("nothing", "[]")).fetchone())


def insert_in_transaction_per_s(url: str) -> float:
    """Rows a second, one by one, in one transaction: a round trip each."""
    return _repeat(url, 1, lambda cursor: cursor.execute(INSERT, ("nothing", "[]")).fetchone(), autocommit=False)


def unnest_per_s(url: str) -> float:
    """Rows a second, a thousand in a statement, ids returned."""
    tasks, arguments = ["nothing"] * 1000, ["[]"] * 1000
    return _repeat(url, 1000, lambda cursor: cursor.execute(UNNEST, (tasks, arguments)).fetchall())


def notify_p50_ms(url: str, times: int = 400) -> float:
    """Milliseconds from the call of NOTIFY to the listener in another process, the median."""
    return _until_heard(url, times, 0.003, "SELECT pg_notify('ping', %s)")


def pickup_p50_ms(url: str, times: int, every_s: float) -> float:
    """Milliseconds from the call that inserts a row and tells of it, in a commit, until the listener has claimed it,
    which need not wait for the disk; the median. Both idle in between."""
    with psycopg.connect(url, autocommit=True) as connection:
        _make_table(connection)
    return _until_heard(url, times, every_s, INSERT_AND_TELL, claims=True)


def _until_heard(url: str, times: int, every_s: float, tell: str, *, claims: bool = False) -> float:
    spawn = multiprocessing.get_context("spawn")
    heard, ready = spawn.Queue(), spawn.Event()
    listener = spawn.Process(target=_listen, args=(url, times, ready, heard, claims))
    listener.start()
    _arrived(ready.wait(START_S))
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        cursor = connection.cursor()
        for _ in range(times):
            cursor.execute(tell.encode(), (repr(time.monotonic()),))
            time.sleep(every_s)
    delays: list[float] = heard.get(timeout=START_S)
    listener.join()
    return statistics.median(delays)


def _listen(url: str, times: int, ready: Event, heard: Any, claims: bool) -> None:
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("LISTEN ping")
        cursor = connection.cursor()
        ready.set()
        delays: list[float] = []
        while len(delays) < times:
            # A list: the connection is free for a statement when the generator has ended.
            for notice in list(connection.notifies(stop_after=1)):
                if claims:
                    cursor.execute(CLAIM_ONE).fetchone()
                delays.append((time.monotonic() - float(notice.payload)) * 1000)
        heard.put(delays)


def _repeat(url: str, rows: int, insert: Callable[[psycopg.Cursor[Any]], object], *, autocommit: bool = True) -> float:
    with psycopg.connect(url, autocommit=autocommit) as connection:
        _make_table(connection)
        cursor, done, began = connection.cursor(), 0, time.monotonic()
        while time.monotonic() < began + SECONDS:
            insert(cursor)
            done += rows
        return done / (time.monotonic() - began)


def _make_table(connection: psycopg.Connection[Any]) -> None:
    for statement in TABLE.strip().split(";")[:-1]:
        connection.execute(statement.encode())
