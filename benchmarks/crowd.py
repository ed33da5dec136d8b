"""A fleet with a past, written by SQL: results, jobs that wait, samples of two servers, releases and their runs."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from django_tandem.monitor import histogram

Connection = psycopg.Connection[tuple[Any, ...]]

OFFICE, WORKER = ("backoffice", "web1"), ("async", "work1")
VIEWS = ("office.home", "loans.list", "loans.detail", "borrowers.search", "report", "payments.take")
TASKS = ("payments.tasks.post_payment", "scoring.tasks.score", "bureau.tasks.ask", "contracts.tasks.write",
         "notices.tasks.send", "reports.tasks.age")  # fmt: skip
# Where numbers of servers begin that nobody has.
SERVERS = 900_000
MEBI, GIBI = 2**20, 2**30

_RESULTS = """
INSERT INTO tandem_result (id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at,
    run_after, started_at, last_attempted_at, finished_at, history, return_value)
SELECT nextval(pg_get_serial_sequence('tandem_job', 'id')), CASE n %% 5 WHEN 0 THEN 'reports' ELSE 'default' END,
    (%(tasks)s::text[])[1 + n %% 6],
    '[[' || n || '],{}]', 'default', (n %% 7) * 10 - 20, CASE WHEN n %% 50 = 0 THEN 4 ELSE 3 END,
    1 + (n %% 50 = 0)::int,
    100 + n %% 8, 1, at - interval '9 s', NULL, at - interval '4 s', at - interval '2 s', at,
    CASE WHEN n %% 50 = 0 THEN json_build_array(json_build_object(
        'worker', '1-' || 100 + n %% 8, 'began', at - interval '2 s', 'ended', at, 'error', json_build_object(
            'class', (ARRAY['builtins.ValueError', 'builtins.TimeoutError', 'django.db.utils.OperationalError',
                'builtins.KeyError', 'loans.errors.NotDue'])[1 + n / 50 %% 5],
            'text', 'loan ' || n || ': ' || (ARRAY['the bureau does not answer', 'no such borrower',
                'the amount is negative'])[1 + n / 250 %% 3],
            'traceback', 'Traceback (most recent call last):' || chr(10) || '  File "tasks.py", line ' || n %% 90))
    )::text END,
    CASE WHEN n %% 50 <> 0 THEN to_json(n)::text END
FROM generate_series(1, %(count)s) AS n, LATERAL (
    SELECT now() - (%(count)s - n) * (%(span)s::interval / %(count)s) AS at
) AS finished
"""
_WAITING = """
INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, attempt, due, enqueued_at, run_after)
SELECT CASE n %% 4 WHEN 0 THEN 'reports' ELSE 'default' END, (%(tasks)s::text[])[1 + n %% 6], '[[' || n || '],{}]',
    'default', priority, %(state)s, 0, at - priority * interval '10 s', at,
    CASE %(state)s WHEN 0 THEN at + interval '1 day' END
FROM generate_series(1, %(count)s) AS n, LATERAL (SELECT (n %% 7) * 10 - 20 AS priority) AS level, LATERAL (
    SELECT now() - (%(count)s - n) * (interval '10 min' / %(count)s) AS at
) AS enqueued
"""
_COPY = b"COPY story (resolution, at, server, role, host, release, facts) FROM STDIN"
_TELL = b"""
INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)
SELECT resolution, at, server, role, host, release, facts FROM story ON CONFLICT DO NOTHING
"""


def finished(connection: Connection, count: int, span: timedelta = timedelta(hours=20)) -> None:
    """So many results, of which every fiftieth failed, spread over `span` until now."""
    connection.execute(_RESULTS.encode(), {"count": count, "tasks": list(TASKS), "span": span})


def waiting(connection: Connection, count: int, *, state: int = 1) -> None:
    """So many jobs in `state` (1: ready) that came within the last ten minutes."""
    connection.execute(_WAITING.encode(), {"count": count, "tasks": list(TASKS), "state": state})


def statistics(connection: Connection) -> None:
    """What autovacuum would have gathered by now."""
    for table in ("tandem_job", "tandem_result", "tandem_sample"):
        connection.execute(f"VACUUM ANALYZE {table}".encode())


def released(connection: Connection, moves: list[tuple[str, datetime]]) -> None:
    """Releases by name that became live at these times, each by a run."""
    for number, (name, at) in enumerate(moves, 1):
        commit = (name + "0" * 40)[:40] if all(one in "0123456789abcdef" for one in name) else f"{number:040x}"
        connection.execute(
            "INSERT INTO tandem_release (digest, release, commit, manifest, built_at, became_live_at, verified_at)"
            " VALUES (%(digest)s, %(name)s, %(commit)s, '{}', %(at)s, %(at)s, %(at)s)",
            {"digest": f"{number:064x}", "name": name, "commit": commit, "at": at},
        )
        row = connection.execute(
            "INSERT INTO tandem_run (kind, commit, ref, policy, state, digest, begun_by, begun_via, begun_at, ended_at)"
            " VALUES ('ship', %(commit)s, 'main', 'supersede', 'live', %(digest)s, 'ada', 'terminal', %(at)s, %(at)s)"
            " RETURNING id",
            {"commit": commit, "digest": f"{number:064x}", "at": at},
        ).fetchone()
        assert row is not None
        began = connection.execute(
            "INSERT INTO tandem_step (run, stage, step, what, at, driver, epoch, detail)"
            " VALUES (%s, 'fork', 'switch', 'began', %s, 'ada', 1, '{}') RETURNING id",
            [row[0], at],
        ).fetchone()
        connection.execute(
            "INSERT INTO tandem_step (run, stage, step, what, began, at, seconds, driver, epoch, detail)"
            " VALUES (%s, 'fork', 'switch', 'ended', %s, %s, 0.1, 'ada', 1, '{}')",
            [row[0], began and began[0], at],
        )


class Story:
    """What two servers are at, at any time: calm by night, busy by day. Other stories say otherwise."""

    def __init__(self, now: datetime, release: str = "4c1d9e02ab77", seed: int = 5) -> None:
        self.now = now
        self.release = release
        self.random = random.Random(seed)

    def pressed(self, at: datetime) -> float:
        """How much there is to do, 0 to 1."""
        return 0.5 + 0.4 * math.sin(at.timestamp() / 7000) + self.random.uniform(-0.05, 0.05)

    def office(self, at: datetime, seconds: int) -> dict[str, Any]:
        """The sample of the Back Office."""
        much = self.pressed(at)
        return office_facts(self.random, seconds, load=0.4 + 0.5 * much, per_s=8 + 12 * much, typical_s=0.06)

    def worker(self, at: datetime, seconds: int) -> dict[str, Any]:
        """The sample of the Async Server."""
        much = self.pressed(at)
        return worker_facts(self.random, seconds, load=0.3 + 1.2 * much, per_s=4 + 20 * much, running=round(8 * much))

    def shared(self, at: datetime) -> dict[str, Any]:
        """The sample of what both share."""
        much = self.pressed(at)
        return shared_facts(ready=round(20 * much), oldest_s=3 * much, connections=14 + round(10 * much))

    def releases(self, at: datetime) -> tuple[str, str]:
        """Those of the Back Office and of the Async Server; "" where it does not run."""
        return self.release, self.release


def samples(
    connection: Connection,
    story: Story,
    spans: tuple[tuple[int, timedelta], ...] = ((5, timedelta(minutes=15)),),
    ahead: timedelta = timedelta(0),
) -> None:
    """The samples that a story would have left, of each resolution so long; `ahead`: those of 5 s also so far into the
    future, so that they stay new while somebody looks. Where servers that run wrote theirs, those stand."""
    with connection.transaction():
        connection.execute("CREATE TEMP TABLE story (LIKE tandem_sample) ON COMMIT DROP")
        connection.execute("ALTER TABLE story ALTER id DROP NOT NULL")
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for resolution, length in spans:
                for at in _times(story.now, resolution, length, ahead if resolution == 5 else timedelta(0)):
                    for row in _rows(story, at, resolution):
                        copy.write_row(row)
        connection.execute(_TELL)


def _times(now: datetime, resolution: int, length: timedelta, ahead: timedelta) -> Iterator[datetime]:
    last = now.timestamp() // resolution * resolution
    after = int(ahead.total_seconds()) // resolution
    for number in range(int(length.total_seconds()) // resolution - 1, -1 - after, -1):
        yield datetime.fromtimestamp(last - number * resolution, tz=now.tzinfo)


def _rows(story: Story, at: datetime, resolution: int) -> Iterator[tuple[Any, ...]]:
    office, worker = story.releases(at)
    said: list[tuple[int, tuple[str, str], str, Callable[[], dict[str, Any]]]] = [
        (SERVERS + 1, OFFICE, office, lambda: story.office(at, resolution)),
        (SERVERS + 2, WORKER, worker, lambda: story.worker(at, resolution)),
    ]
    for server, (role, host), release, facts in said:
        if release:
            yield resolution, at, server, role, host, release, json.dumps(facts())
    yield resolution, at, 0, "", "", "", json.dumps(story.shared(at))


def host_facts(load: float, cores: int = 2) -> dict[str, Any]:
    """Of a host with so much load."""
    return {
        "load": [round(load, 2), round(load * 0.9, 2), round(load * 0.8, 2)],
        "cores": cores,
        "cpu": round(min(1.0, load / cores), 3),
        "memory": {"total": 8 * GIBI, "available": 5 * GIBI},
        "disk": {"total": 80 * GIBI, "free": 52 * GIBI},
    }


def office_facts(
    some: random.Random, seconds: int, *, load: float, per_s: float, typical_s: float, failing: float = 0.0
) -> dict[str, Any]:
    """Of a Back Office: `typical_s` is the median of its pages, `failing` the share of 5xx."""
    count = max(1, round(per_s * min(seconds, 60)))
    views = {}
    total, failed = histogram.empty(), 0
    for number, name in enumerate(VIEWS):
        mine = max(1, count // len(VIEWS))
        times = histogram.of(
            some.lognormvariate(math.log(typical_s * (0.6 + 0.25 * number)), 0.45) for _ in range(mine)
        )
        errors = sum(some.random() < failing for _ in range(mine))
        views[name] = {"count": mine, "errors_5xx": errors, "seconds": times}
        histogram.add(total, times)
        failed += errors
    return {
        "host": host_facts(load),
        "server": {"processes": 3, "rss": 310 * MEBI, "cpu": round(min(1.9, load * 0.6), 2), "state": "active"},
        "pages": {
            "count": total["count"],
            "errors_4xx": count // 40,
            "errors_5xx": failed,
            "timeouts": 0,
            "seconds": total,
            "queue_seconds": histogram.of(some.uniform(0.001, 0.004) for _ in range(10)),
            "views": views,
        },
    }


def worker_facts(
    some: random.Random, seconds: int, *, load: float, per_s: float, running: int, failing: float = 0.01
) -> dict[str, Any]:
    """Of an Async Server."""
    count = round(per_s * min(seconds, 60))
    tasks = {}
    total, failed = histogram.empty(), 0
    for number, path in enumerate(TASKS):
        mine = max(1, count // len(TASKS))
        times = histogram.of(some.lognormvariate(math.log(0.02 * (1 + 3 * number)), 0.6) for _ in range(mine))
        errors = sum(some.random() < failing for _ in range(mine))
        tasks[path] = {"count": mine, "failed": errors, "seconds": times}
        histogram.add(total, times)
        failed += errors
    return {
        "host": host_facts(load),
        "server": {"processes": 3, "rss": 280 * MEBI, "cpu": round(min(2.0, load * 0.9), 2), "state": "active"},
        "tasks": {
            "slots": 8,
            "running": running,
            "claims": total["count"],
            "successful": total["count"] - failed,
            "failed": failed,
            "retried": failed * 2,
            "seconds": total,
            "tasks": tasks,
        },
    }


def shared_facts(*, ready: int, oldest_s: float | None, connections: int, waiting_for_locks: int = 0) -> dict[str, Any]:
    """Of what all servers share."""
    return {
        "database": {
            "connections": connections,
            "most_connections": 100,
            "waiting": waiting_for_locks,
            "oldest_transaction_s": 0.4,
        },
        "queues": {
            "default": {
                "ready": ready,
                "scheduled": 12,
                "running": 6,
                "limited": 0,
                "paused": 0,
                "oldest_s": oldest_s if ready else None,
                "priorities": {"0": {"ready": ready, "oldest_s": oldest_s if ready else None}},
            },
            "reports": {
                "ready": 0,
                "scheduled": 2,
                "running": 1,
                "limited": 0,
                "paused": 0,
                "oldest_s": None,
                "priorities": {},
            },
        },
        "pressure": {},
    }
