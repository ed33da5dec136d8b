"""Faults: what happens to processes, connections, the database and the fence, at random."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil
import psycopg
from rich.console import Console

from benchmarks.fleet import Fleet
from django_tandem.queue.lease import LEASE

PAUSE_S = (0.2, 2.0)

# A frozen server is taken for dead after its lease, and wakes up when its jobs are others'.
FROZEN_WORKER_S = (0.5, 12.0)
FROZEN_SERVER_S = (1.0, LEASE.total_seconds() + 6)


class Faults:
    """Causes one fault after another. `caused` counts them by kind; what it froze wakes up in time."""

    def __init__(self, url: str, fleet: Fleet, chance: random.Random, console: Console) -> None:
        self._url = url
        self._fleet = fleet
        self._chance = chance
        self._console = console
        self._kinds: list[tuple[int, Callable[[], str]]] = [
            (6, self._kill_worker),
            (2, self._kill_server),
            (4, self._freeze_worker),
            (2, self._freeze_server),
            (6, self._cut_connections),
            (1, self._crash_database),
            (2, self._move_fence),
            (2, self._stop_server),
        ]
        self._count: Counter[str] = Counter()
        self._wakers: list[threading.Timer] = []

    @property
    def caused(self) -> int:
        """How many so far."""
        return self._count.total()

    def cause_one(self) -> None:
        """Wait a moment, cause a fault, and start anew what has ended."""
        time.sleep(self._chance.uniform(*PAUSE_S))
        weights = [weight for weight, _ in self._kinds]
        (_, fault), *_ = self._chance.choices(self._kinds, weights)
        with suppress(psycopg.Error, psutil.NoSuchProcess, IndexError):  # the one before has not been overcome yet
            told = fault()
            self._count[fault.__name__.strip("_")] += 1
            self._console.print(f"{self.caused:4} {told}")
        self._fleet.revive()

    def mend(self) -> None:
        """Wake all that is frozen, set the fence, and start what has ended."""
        for waker in self._wakers:
            waker.join()
        self._activate(self._fleet.release)
        self._fleet.revive()
        self._console.print(", ".join(f"{name} {times}" for name, times in sorted(self._count.items())))

    def _kill_worker(self) -> str:
        worker = self._chance.choice(self._fleet.workers())
        worker.kill()
        return f"killed process {worker.pid}"

    def _kill_server(self) -> str:
        family = self._fleet.family(self._any_server())
        _send(family, signal.SIGKILL)
        return f"killed a server of {len(family)} processes"

    def _freeze_worker(self) -> str:
        worker, seconds = self._chance.choice(self._fleet.workers()), self._chance.uniform(*FROZEN_WORKER_S)
        self._freeze([worker], seconds)
        return f"froze process {worker.pid} for {seconds:.1f} s"

    def _freeze_server(self) -> str:
        family, seconds = self._fleet.family(self._any_server()), self._chance.uniform(*FROZEN_SERVER_S)
        self._freeze(family, seconds)
        return f"froze a server for {seconds:.1f} s"

    def _cut_connections(self) -> str:
        with self._connect() as connection:
            cut = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
            ).fetchone()
        return f"cut {cut and cut[0]} connections"

    def _crash_database(self) -> str:
        """A backend that is killed takes the whole server with it: PostgreSQL starts anew and recovers from its log."""
        with self._connect() as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
        return "crashed the database"

    def _move_fence(self) -> str:
        seconds = self._chance.uniform(0.2, 2.0)
        self._activate("another release")
        time.sleep(seconds)
        self._activate(self._fleet.release)
        return f"the fence named another release for {seconds:.1f} s"

    def _stop_server(self) -> str:
        _send(self._fleet.family(self._any_server())[:1], signal.SIGTERM)
        return "stopped a server"

    # What they share

    def _any_server(self) -> int:
        return self._chance.randrange(len(self._fleet.servers))

    def _freeze(self, processes: list[psutil.Process], seconds: float) -> None:
        _send(processes, signal.SIGSTOP)
        waker = threading.Timer(seconds, _send, (processes, signal.SIGCONT))
        waker.start()
        self._wakers.append(waker)

    def _activate(self, release: str) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                with self._connect() as connection:
                    connection.execute("UPDATE tandem_fence SET release = %s, epoch = epoch + 1", [release])
                    connection.execute("SELECT pg_notify('tandem_fence', %s)", [release])
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _connect(self) -> psycopg.Connection[tuple[int, ...]]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=5)


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(number)
