"""Sampler: a thread of the keeper that writes what its server did in the last five seconds.

Whatever fails here is said once and tried again: a server must not suffer from being watched.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as postgres

from django_tandem.errors import DatabaseUnreachable
from django_tandem.monitor import facts as of_facts
from django_tandem.monitor import fleet, rollup, sums
from django_tandem.monitor.channel import Channel
from django_tandem.monitor.host import Host, Processes
from django_tandem.monitor.looks import Look
from django_tandem.monitor.nginx_log import NginxLog
from django_tandem.monitor.store import SLOT_S, Store
from django_tandem.monitor.totals import Totals
from django_tandem.processes.board import Board
from django_tandem.serve.watched import Watched

logger = logging.getLogger("django_tandem.monitor")

# When in a slot its sample is taken: late, for it tells of what was before, and not so late that a busy machine makes
# the next slot of it. Servers do it one after the other, over a second.
PHASE_S, SPREAD = 3.0, 10

# So often it is seen whether the keeper ends.
LOOK_S = 0.5

# What comes later is not in what was rolled up.
LATE_S = 60

# After what was heard: workers tell one after the other, and to wake up for each costs more than to hear it.
BREATH_S = 0.1


class Sampler:
    """`looks` are those of the server that comes first in a slot, at the whole fleet."""

    def __init__(
        self,
        watched: Watched,
        channel: Channel,
        totals: Totals,
        *,
        nginx_log: NginxLog | None = None,
        looks: Mapping[str, Look] | None = None,
    ) -> None:
        self._watched = watched
        self._channel = channel
        self._totals = totals
        self._nginx_log = nginx_log
        self._looks = looks or {}
        self._store = Store(watched.alias, watched.identity)
        self._heard: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        self._due = 0.0
        self._told: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Sample until `stop` is set, and once more then."""
        with self._going_on("begin"):
            self._host = Host(self._watched.folder)
            self._processes = Processes(self._watched.identity.pid)
            self._totals.begin()
        with self._going_on("clock"):
            self._store.connected()
        self._due = self._next()
        while not stop.is_set():
            with self._going_on("hear"):
                if self._channel.wait(max(0.0, min(LOOK_S, self._due - time.monotonic()))):
                    self._hear()
            time.sleep(BREATH_S)
            if time.monotonic() >= self._due:
                self._sample()
                self._due = self._next()
        self._sample()
        self._store.disconnect()

    def _next(self) -> float:
        """When the next sample is due: monotonic seconds."""
        phase = PHASE_S + self._watched.identity.id % SPREAD / SPREAD
        now = time.monotonic() + (self._store.offset or 0.0)
        return time.monotonic() + SLOT_S - (now - phase) % SLOT_S

    def _hear(self) -> None:
        for piece in self._channel.receive():
            of_facts.add(self._heard, piece)

    def _sample(self) -> None:
        with self._going_on("hear"):
            self._hear()
        facts = self._look()
        with self._going_on("count"):
            self._store.keep(facts)
            self._totals.count(facts, self._shared)
        with self._going_on("write"):
            slots = self._store.write()
            now = self._store.slot(time.monotonic())
            if late := [at for at in slots if now - at > LATE_S]:
                rollup.again(self._store.connected(), late, now)
            self._see_to_the_fleet(now)

    def _look(self) -> dict[str, Any]:
        """A sample of this server; parts that cannot be seen are missing. What was heard is in it, and begins anew."""
        facts: dict[str, Any] = {}
        heard, self._heard = self._heard, {}
        state, board = self._watched.standing.state, self._watched.board
        with self._going_on("host"):
            facts["host"] = self._host.look()
        with self._going_on("processes"):
            facts["server"] = {**self._processes.look(), "state": state}
        with self._going_on("sums"):
            if board is None:
                facts.update(sums.bounded(of_facts.merge([{"pages": sums.no_pages()}, heard])))
            else:
                facts.update(sums.bounded(of_facts.merge([{"tasks": sums.no_tasks()}, heard])))
                facts["tasks"].update(_running(self._watched, board))
        with self._going_on("Nginx's log"):
            if self._nginx_log is not None and (timeouts := self._timeouts(self._nginx_log, state)) is not None:
                facts["pages"]["timeouts"] = timeouts
        return facts

    def _timeouts(self, log: NginxLog, state: str) -> int | None:
        """By Nginx's log. While a release takes over, of two servers the active one counts."""
        if state == "active":
            return log.look()
        log.skip()
        return None

    def _see_to_the_fleet(self, slot: int) -> None:
        connection = self._store.connected()
        if fleet.write(connection, slot):
            if slot % rollup.GRACE_S == 0:
                rollup.turn(connection)
            for name, look in self._looks.items():
                with self._going_on(name):
                    look(self._store.connected())  # the one before may have lost it
            connection = self._store.connected()
        self._shared = fleet.shared(connection)

    @contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        """Whatever is raised within is said, each kind once."""
        try:
            yield
        except Exception as error:
            if isinstance(error, (psycopg.Error, DatabaseUnreachable)):
                self._store.disconnect()
            kind = f"{what}: {type(error).__name__}"
            if _is_away(error) or kind in self._told:
                return
            self._told.add(kind)
            if isinstance(error, (postgres.UndefinedTable, postgres.UndefinedColumn)):
                logger.info("the monitor waits for its tables (%s): %s", what, error.diag.message_primary)
            else:
                logger.warning("the monitor goes on without it: %s; said once", kind, exc_info=error)


def _is_away(error: Exception) -> bool:
    """Whether the database is gone or going, which its keeper tells. 57014 is a statement that took too long."""
    if isinstance(error, psycopg.OperationalError):
        return error.sqlstate is None or (error.sqlstate[:2] in ("08", "57") and error.sqlstate != "57014")
    return isinstance(error, DatabaseUnreachable)


def _running(watched: Watched, board: Board) -> dict[str, int]:
    """The threads that there are, what runs, and of it the coroutines. A row's first slots are its threads."""
    rows = [board.row(number) for number in range(board.workers)]
    running = sum(len(row.begun()) for row in rows)
    in_threads = sum(len(row.begun(watched.threads)) for row in rows)
    return {
        "slots": watched.processes * watched.threads,
        "running": running,
        "coroutines": running - in_threads,
    }
