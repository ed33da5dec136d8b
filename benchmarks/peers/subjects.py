"""What is measured: Tandem by benchmarks.queue, a peer through its driver."""

from __future__ import annotations

import itertools
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from benchmarks import database, queue
from benchmarks.peers import measure
from benchmarks.peers.catalog import Entry
from benchmarks.peers.environment import Environment
from benchmarks.peers.measure import Work
from benchmarks.peers.peer import Failed, driven

FIRST_DRAIN_JOBS, MOST_DRAIN_JOBS = 500, 300_000
BACKLOG_JOBS = 20_000  # as for the peers of eight threads: 10,000 do not last as long as the urgent ones come


class Subject(Protocol):
    """A system that is here."""

    name: str

    def facts(self) -> dict[str, Any]:
        """What a reader must know of the figures."""

    def take(self, figure: str) -> float:
        """One of measure.FIGURES. Raises Failed."""


class Tandem:
    """Tandem, by the Bench that takes its own figures."""

    name = "tandem"

    def __init__(self, url: str) -> None:
        self.url, self.bench = url, queue.prepare(url)

    def facts(self) -> dict[str, Any]:
        return {
            "version": version("django-tandem"),
            "broker": "postgresql",
            "setup": "2 processes of 4 threads",
            "durable": True,
            "note": "a job whose worker was killed runs again within a second",
            "urgent": "priority",
            "drain_jobs": queue.DRAIN_JOBS,
            "backlog_jobs": BACKLOG_JOBS,
        }

    def take(self, figure: str) -> float:
        database.settle(self.url)
        try:
            if figure != "urgent_p99_ms":
                return float(getattr(self.bench, figure)())
            taken = self.bench.urgent_p99_ms(BACKLOG_JOBS)
        except TimeoutError as error:
            raise Failed(str(error)) from error
        if not self.bench.unfinished():
            raise Failed(f"the backlog of {BACKLOG_JOBS:,} did not last")
        return taken


class InstalledPeer:
    """A peer, each of its figures taken with a queue, a driver and workers that are new.

    It drains as many jobs as take it about `work.drain_s`; how many, it finds out the first time.
    """

    def __init__(self, entry: Entry, environment: Environment, broker: Any, folder: Path, work: Work) -> None:
        self.entry, self.environment, self.broker = entry, environment, broker
        self.folder, self.work = folder, work
        self.name = entry.name
        self.drain_jobs = 0
        self.numbers = itertools.count(1)

    def facts(self) -> dict[str, Any]:
        entry = self.entry
        own = next((package.partition("[")[0] for package in entry.packages), "")
        return {
            "version": self.environment.versions().get(own, ""),
            "broker": entry.broker,
            "setup": entry.setup,
            "durable": entry.durable,
            "note": entry.note,
            "urgent": entry.urgent,
            "drain_jobs": self.drain_jobs,
            "backlog_jobs": entry.backlog_jobs,
        }

    def take(self, figure: str) -> float:
        if figure == "drain_per_s":
            return self._drain_per_s()
        return self._take(figure, *self._amounts()[figure])

    def _amounts(self) -> dict[str, tuple[float, ...]]:
        work = self.work
        return {
            "enqueue_per_s": (work.enqueue_s,),
            "pickup_p50_ms": (work.pickups,),
            "urgent_p99_ms": (self.entry.backlog_jobs, work.urgent),
        }

    def _drain_per_s(self) -> float:
        if not self.drain_jobs:
            rate = self._take("drain_per_s", jobs := FIRST_DRAIN_JOBS)
            while jobs / rate < self.work.drain_s / 7 and jobs * 10 <= MOST_DRAIN_JOBS:  # too short to tell
                rate = self._take("drain_per_s", jobs := jobs * 10)
            self.drain_jobs = min(max(round(rate * self.work.drain_s / 100) * 100, FIRST_DRAIN_JOBS), MOST_DRAIN_JOBS)
        return self._take("drain_per_s", self.drain_jobs)

    def _take(self, figure: str, *amounts: float) -> float:
        folder = self.folder / f"{self.name}-{next(self.numbers)}-{figure}"
        folder.mkdir()
        with driven(self.entry, figure, self.broker, self.environment.python, folder) as peer:
            return float(getattr(measure, figure)(peer, *amounts))
