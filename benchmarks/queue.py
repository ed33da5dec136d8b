"""The queue against the limit: `python -m benchmarks.queue [--json]`, figures as one JSON object on the last line.

Two worker processes of four slots each, plain functions through Django's API, PostgreSQL with fsync on. Each figure
is the median of several rounds, in which the limit and the queue are measured in turn.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import psutil
import psycopg
from rich.console import Console

from benchmarks import database, goals, kills, limits, stamps

WORKERS, THREADS = 2, 4
SERVERS = 4
DRAIN_JOBS = 150_000
BULK_JOBS = 100_000
TOGETHER_JOBS = 30_000
ROUNDS = 3
PICKUPS, PICKUP_EVERY_S = 300, 0.02
URGENT, BACKLOG, BACKLOG_S = 60, 10_000, 0.005

# From the end: what has died is at the front, and who looks there walks over it, beside an open transaction for ever.
_LAST = "SELECT id FROM tandem_job ORDER BY id DESC LIMIT 1"
_ARE_UP = "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE application_name LIKE 'tandem worker %'"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1))
def main(as_json: bool, rounds: int) -> None:
    """Measure the queue and, in the same run, what raw psycopg reaches on the same server."""
    console = Console(stderr=True, quiet=as_json)
    server = database.server()
    url = database.fresh(server, "tandem_bench")
    measure = _measurements(url, prepare(url))
    found: dict[str, list[float]] = {name: [] for name in measure}
    for number in range(1, rounds + 1):
        for name, take in measure.items():
            database.settle(url)
            found[name].append(take())
            console.print(f"round {number} of {rounds}: {name} {found[name][-1]:,.2f}")
    figures = {name: round(statistics.median(values), 3) for name, values in found.items()}
    if not as_json:
        console.print(goals.table(figures))
    click.echo(json.dumps({**figures, **database.describe(server), "cores": os.cpu_count(), "rounds": rounds}))


def prepare(url: str) -> Bench:
    """The queue in the new, empty database at `url`. Once in a process."""
    os.environ["TANDEM_BENCH_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    file, os.environ["TANDEM_BENCH_STAMPS"] = tempfile.mkstemp(prefix="tandem-stamps-")
    os.close(file)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return Bench(url)


def _measurements(url: str, bench: Bench) -> dict[str, Callable[[], float]]:
    """All figures by name, in the order in which a round takes them: limit and queue side by side."""
    return {
        "limit_claim_finish_per_s": lambda: limits.claim_finish_per_s(url),
        "drain_per_s": bench.drain_per_s,
        "cpu_s_per_1k": lambda: bench.cpu_s_per_1k,
        "rss_mb_per_worker": lambda: bench.rss_mb_per_worker,
        "held_xmin_ratio": lambda: bench.against_drains(bench.drain_beside_a_transaction_per_s),
        "four_servers_ratio": lambda: bench.against_drains(lambda: bench.drain_per_s(SERVERS)),
        "limit_insert_per_s": lambda: limits.insert_per_s(url),
        "enqueue_per_s": bench.enqueue_per_s,
        "limit_insert_in_transaction_per_s": lambda: limits.insert_in_transaction_per_s(url),
        "enqueue_in_transaction_per_s": bench.enqueue_in_transaction_per_s,
        "enqueue_together_per_s": bench.enqueue_together_per_s,
        "limit_unnest_per_s": lambda: limits.unnest_per_s(url),
        "bulk_per_s": bench.bulk_per_s,
        "limit_notify_p50_ms": lambda: limits.notify_p50_ms(url),
        "limit_pickup_p50_ms": lambda: limits.pickup_p50_ms(url, PICKUPS, PICKUP_EVERY_S),
        "pickup_p50_ms": bench.pickup_p50_ms,
        "urgent_p99_ms": bench.urgent_p99_ms,
        "claim_ms_1k_ready": lambda: bench.claim_ms(ready=1000),
        "claim_ms_1m_ready": lambda: bench.claim_ms(ready=1_000_000),
        "claim_ms_100k_blocked": lambda: bench.claim_ms(ready=1000, blocked=100_000),
        "killed_worker_again_ms": lambda: kills.worker_again_ms(bench),
        "killed_server_again_ms": lambda: kills.server_again_ms(bench),
    }


class Bench:
    """The queue on the database of benchmarks.settings."""

    release = "bench"

    def __init__(self, url: str) -> None:
        from benchmarks import tasks
        from django_tandem.queue import fence, lease, scheduler
        from django_tandem.queue.connect import connect
        from django_tandem.queue.tasks_api import task_backends

        self.url = url
        self.tasks = tasks
        self.lease = lease
        self.backend: Any = task_backends["default"]
        self.cpu_s_per_1k = self.rss_mb_per_worker = 0.0  # of the last drain: all workers together, and the largest
        self.connection = connect("default", purpose="benchmark")
        scheduler.make_partitions(self.connection)
        fence.activate(self.connection, self.release)
        self.servers = [
            lease.register(
                self.connection,
                role="async",
                host=f"bench {number}",
                pid=os.getpid(),
                release=self.release,
                config_digest="",
                state="active",
            )
            for number in range(SERVERS)
        ]

    def drain_per_s(self, servers: int = 1) -> float:
        """No-op jobs finished a second by so many servers, which are up before, from the first begun to the last
        finished, by the database's clock. No statistics are gathered after the jobs were enqueued."""
        self.empty()
        with self.workers(servers) as workers:
            self.wait(lambda: self.workers_up() == len(workers))
            processes = [psutil.Process(worker.pid) for worker in workers]
            before = _cpu_s(processes)
            self.backend.enqueue_many(self.tasks.nothing, (((), {}) for _ in range(DRAIN_JOBS)))
            self._wait_until_drained()
            self.cpu_s_per_1k = (_cpu_s(processes) - before) / DRAIN_JOBS * 1000
            self.rss_mb_per_worker = max(one.memory_info().rss for one in processes) / 1e6
        count, different, seconds = self.one(
            "SELECT count(*), count(DISTINCT id), extract(epoch FROM max(finished_at) - min(started_at))::float8"
            " FROM tandem_result"
        )
        assert count == different == DRAIN_JOBS
        return float(count / seconds)

    def drain_beside_a_transaction_per_s(self) -> float:
        """The same while another transaction holds back the horizon of vacuum from before the jobs were enqueued."""
        with psycopg.connect(self.url) as other:
            other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            other.execute("SELECT pg_current_xact_id()")
            return self.drain_per_s()

    def against_drains(self, other: Callable[[], float]) -> float:
        """What `other` measures, as a share of the drain before it and the one after: the machine is faster in one
        minute than in the next."""
        rates = []
        for measure in (self.drain_per_s, other, self.drain_per_s):
            database.settle(self.url)
            rates.append(measure())
        before, measured, after = rates
        return 2 * measured / (before + after)

    def claim_ms(self, ready: int, blocked: int = 0) -> float:
        """See benchmarks.claims."""
        self.empty()
        from benchmarks import claims

        return claims.claim_ms(self.url, self.connection, self.servers[0], ready=ready, blocked=blocked)

    def enqueue_per_s(self, seconds: float = limits.SECONDS) -> float:
        """Jobs enqueued a second, one by one, each in a commit of its own."""
        self.empty()
        return self._rate(seconds)

    def enqueue_in_transaction_per_s(self) -> float:
        """Jobs enqueued a second, one by one, inside one transaction."""
        from django.db import transaction

        self.empty()
        with transaction.atomic():
            return self._rate(limits.SECONDS)

    def enqueue_together_per_s(self) -> float:
        """Jobs enqueued a second, one by one, in a block of together(), until they are committed."""
        from django_tandem import together

        self.empty()
        began = time.monotonic()
        with together():
            for _ in range(TOGETHER_JOBS):
                self.tasks.nothing.enqueue()
        return TOGETHER_JOBS / (time.monotonic() - began)

    def bulk_per_s(self) -> float:
        """Jobs enqueued a second by enqueue_many."""
        self.empty()
        began = time.monotonic()
        self.backend.enqueue_many(self.tasks.nothing, (((), {}) for _ in range(BULK_JOBS)))
        return BULK_JOBS / (time.monotonic() - began)

    def pickup_p50_ms(self) -> float:
        """From the call of enqueue to the first line of the task, both workers idle, the median."""
        self.empty()
        with self.workers():
            self._stamps(PICKUPS, every_s=PICKUP_EVERY_S, priority=0)
        return statistics.median(stamps.read())

    def urgent_p99_ms(self, backlog: int = BACKLOG) -> float:
        """The same for jobs of priority 100 while 10,000 jobs of 5 ms wait, the 99th percentile."""
        self.empty()
        self.backend.enqueue_many(self.tasks.pause, (((BACKLOG_S,), {}) for _ in range(backlog)))
        with self.workers():
            self._stamps(URGENT, every_s=0.1, priority=100)
        return statistics.quantiles(stamps.read(), n=100, method="inclusive")[98]

    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return int(self.one("SELECT count(*) FROM tandem_job")[0])

    def workers_up(self) -> int:
        """Worker processes that are connected."""
        return int(self.one(_ARE_UP)[0])

    def wait(self, condition: Callable[[], bool], every_s: float = 0.05, within_s: float = 120) -> None:
        """Wait until `condition` holds. Raises TimeoutError."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the workers did not finish")
            time.sleep(every_s)

    def one(self, query: str) -> tuple[Any, ...]:
        """The first row."""
        return self.connection.execute(query.encode()).fetchone() or ()

    def _rate(self, seconds: float) -> float:
        enqueue, done, began = self.tasks.nothing.enqueue, 0, time.monotonic()
        while time.monotonic() < began + seconds:
            enqueue()
            done += 1
        return done / (time.monotonic() - began)

    def _stamps(self, count: int, *, every_s: float, priority: int) -> None:
        task = self.tasks.stamp.using(priority=priority)
        task.enqueue(time.monotonic())
        self.wait(lambda: len(stamps.read()) == 1)  # the workers are up
        time.sleep(1)
        stamps.clear()
        for _ in range(count):
            task.enqueue(time.monotonic())
            time.sleep(every_s)
        self.wait(lambda: len(stamps.read()) == count)

    @contextmanager
    def workers(self, servers: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
        for server in self.servers[:servers]:
            self.lease.renew(self.connection, server, "active")
        processes = [
            subprocess.Popen([sys.executable, "-m", "benchmarks.run_worker", str(server), str(THREADS)])
            for server in self.servers[:servers]
            for _ in range(WORKERS)
        ]
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()

    def empty(self) -> None:
        stamps.clear()
        self.connection.execute("TRUNCATE tandem_job")
        self.connection.execute("TRUNCATE tandem_result")

    def _wait_until_drained(self) -> None:
        self.wait(lambda: not self.one(_LAST), every_s=0.2)


def _cpu_s(processes: list[psutil.Process]) -> float:
    """Seconds of processor time that they have used."""
    return sum(sum(one.cpu_times()[:2]) for one in processes)


if __name__ == "__main__":
    main()
