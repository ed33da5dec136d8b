"""What stays bounded without anyone's care: `python -m benchmarks.upkeep [--jobs N] [--minutes M] [--json]`.

A steady stream of no-op jobs, enqueued as they are finished, by two workers. First a million jobs: how large the hot
table and its indexes are, as they pass. Then for some minutes how many finish a second, and how large the table is,
and for as many beside a transaction that stays open, which keeps every row version that dies from being cleaned away.
"""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import click
import psycopg
from rich.console import Console

from benchmarks import database
from benchmarks.queue import prepare

JOBS = 1_000_000
MINUTES = 10.0
LOOKS = 20
EVERY_S = 10.0

# So many wait at any time: enough that no worker is idle, though the database tells a second late what was finished.
BACKLOG, BATCH = 60_000, 5_000

# Results are not what is measured, and would fill the disk.
EMPTY_RESULTS_EVERY = 1_000_000


@click.command()
@click.option("--jobs", default=JOBS, show_default=True, type=click.IntRange(10_000))
@click.option("--minutes", default=MINUTES, show_default=True, type=click.FloatRange(0.1))
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
def main(jobs: int, minutes: float, as_json: bool) -> None:
    """Measure sizes over many jobs, and the rate beside an open transaction."""
    console = Console(stderr=True, quiet=as_json)
    server = database.server()
    url = database.fresh(server, "tandem_bench")
    stream = Stream(url)
    sizes = stream.sizes_over(jobs, lambda done, mb: console.print(f"{done:>9,} jobs: {mb:6.1f} MB hot"))
    free, free_sizes = stream.per_s(minutes * 60, lambda rate, mb: console.print(f"free: {rate:,.0f}/s, {mb:.1f} MB"))
    with stream.held():
        beside, held_sizes = stream.per_s(
            minutes * 60, lambda rate, mb: console.print(f"beside an open transaction: {rate:,.0f}/s, {mb:.1f} MB")
        )
    stream.stop()
    figures = {
        "jobs": jobs,
        "hot_mb_first": round(sizes[0].all, 1),
        "hot_mb_median": round(statistics.median(one.all for one in sizes), 1),
        "hot_mb_most": round(max(one.all for one in sizes + free_sizes), 1),
        "hot_index_mb_most": round(max(one.indexes for one in sizes + free_sizes), 1),
        "hot_mb_growth": _growth([one.all for one in free_sizes]),
        "hot_index_mb_growth": _growth([one.indexes for one in free_sizes]),
        "minutes": minutes,
        "free_per_s": round(free),
        "held_per_s": round(beside),
        "held_xmin_ratio": round(beside / free, 3),
        "held_hot_mb": round(held_sizes[-1].all, 1),
    }
    click.echo(json.dumps({**figures, **database.describe(server), "cores": os.cpu_count()}))


class Size(NamedTuple):
    """Megabytes of the hot table with its indexes, and of those."""

    all: float
    indexes: float


def _growth(sizes: list[float]) -> float:
    """The most of the second half against that of the first."""
    half = len(sizes) // 2
    return round(max(sizes[half:]) / max(sizes[:half] or sizes), 2)


class Stream:
    """Jobs that are enqueued as they are finished, so that about BACKLOG wait."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._bench = prepare(url)
        self._connection = psycopg.connect(url, autocommit=True)
        self._ends = threading.Event()
        self._working = self._bench.workers()
        self._working.__enter__()
        self._feeding = threading.Thread(target=self._feed, daemon=True)
        self._feeding.start()
        while self.finished() < BACKLOG:  # the workers are up, and warm
            time.sleep(0.1)

    def sizes_over(self, jobs: int, tell: Callable[[int, float], None]) -> list[Size]:
        """How large the table is, LOOKS times while so many jobs finish."""
        began, sizes = self.finished(), []
        for look in range(1, LOOKS + 1):
            while self.finished() - began < jobs * look / LOOKS:
                time.sleep(0.05)
            sizes.append(self.size())
            tell(jobs * look // LOOKS, sizes[-1].all)
        return sizes

    def per_s(self, seconds: float, tell: Callable[[float, float], None]) -> tuple[float, list[Size]]:
        """Jobs finished a second, over so many, and how large the table is meanwhile."""
        began, before, sizes = time.monotonic(), self.finished(), []
        last, last_at = before, began
        while (now := time.monotonic()) < began + seconds:
            time.sleep(min(EVERY_S, began + seconds - now))
            done, at = self.finished(), time.monotonic()
            sizes.append(self.size())
            tell((done - last) / (at - last_at), sizes[-1].all)
            last, last_at = done, at
        return (last - before) / (last_at - began), sizes

    @contextmanager
    def held(self) -> Iterator[None]:
        """A transaction of another stays open, and holds back the horizon of vacuum."""
        with psycopg.connect(self._url) as other:
            other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            other.execute("SELECT pg_current_xact_id()")
            yield

    def finished(self) -> int:
        """How many jobs have finished. The database counts: to look into a table of dead versions would cost more than
        what is measured."""
        return int(self.one("SELECT pg_stat_get_tuples_deleted('tandem_job'::regclass)"))

    def size(self) -> Size:
        """Of the hot table now."""
        return Size(
            self.one("SELECT pg_total_relation_size('tandem_job') / 1e6"),
            self.one("SELECT pg_indexes_size('tandem_job') / 1e6"),
        )

    def one(self, query: str) -> float:
        """The only value of a query."""
        row = self._connection.execute(query.encode()).fetchone()
        return float(row[0]) if row else 0.0

    def stop(self) -> None:
        """End feeder and workers."""
        self._ends.set()
        self._feeding.join()
        self._working.__exit__(None, None, None)

    def _feed(self) -> None:
        enqueued = emptied = 0
        deleted = b"SELECT pg_stat_get_tuples_deleted('tandem_job'::regclass)"
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ends.is_set():
                (finished,) = connection.execute(deleted).fetchone() or (0,)
                if enqueued - finished < BACKLOG:
                    self._bench.backend.enqueue_many(self._bench.tasks.nothing, (((), {}) for _ in range(BATCH)))
                    enqueued += BATCH
                else:
                    time.sleep(0.01)
                if finished - emptied > EMPTY_RESULTS_EVERY:
                    connection.execute("TRUNCATE tandem_result")
                    emptied = finished


if __name__ == "__main__":
    main()
