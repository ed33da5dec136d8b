"""A worker process: a control loop that listens, and slots that run jobs."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import psycopg

from django_tandem.errors import DatabaseUnreachable, KeyNotConfigured, TimedOut
from django_tandem.processes.board import BoardRow
from django_tandem.processes.child import RECYCLED
from django_tandem.queue import at_rest, events, opened, spans
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection, connect
from django_tandem.queue.coroutines import CoroutineSlots
from django_tandem.queue.encryption import is_sealed
from django_tandem.queue.held import STALE_S
from django_tandem.queue.intake import Intake
from django_tandem.queue.interrupt import Guard, Interrupts
from django_tandem.queue.job import Outcome
from django_tandem.queue.listen import CANCEL, Ear
from django_tandem.queue.loop import or_end_process
from django_tandem.queue.orders import Orders
from django_tandem.queue.priority import NO_RESERVE, Reserve
from django_tandem.queue.recycle import Share
from django_tandem.queue.run import cut_off, known, run
from django_tandem.queue.surroundings import Surroundings
from django_tandem.queue.tally import Tally
from django_tandem.queue.yielding import Yielding

# How often to look for what no announcement told: a fence that moved, a job whose notice was lost.
POLL_S = 1.0

# How often to look while held jobs wait beside idle slots, or outcomes wait to be written.
TICK_S = 0.005

# How often to look whether all has ended, while it is waited for.
DRAIN_TICK_S = 0.02

RECONNECT_S = 0.5


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """`server` is the row in tandem_server, `threads` and `coroutines` the slots of each kind, `drain` seconds.
    `reserve`: some of the threads are for urgent jobs only; `yielding`: what the others do under pressure.
    `recycle_jobs`, `recycle_memory` (MiB): after what the process gives its place to another; None: never.
    `tally`: what counts the jobs."""

    alias: str
    server: int
    release: str
    queues: tuple[str, ...]
    threads: int
    coroutines: int
    drain: float
    reserve: Reserve = NO_RESERVE
    yielding: Yielding | None = None
    recycle_jobs: int | None = None
    recycle_memory: int | None = None
    tally: Tally | None = None


def main(options: WorkerOptions, row: BoardRow) -> int:
    """The body of a worker process: run jobs until TERM or INT, or until it has done its share, then drain. Returns the
    exit code: 0 drained, RECYCLED drained and to be replaced, 1 when the drain deadline passed and what still ran went
    back. Raises DatabaseUnreachable and ConfigurationError at the start."""
    at_rest.encryption()
    row.enter(os.getpid())
    worker = Worker(options, row)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.start()
    worker.work()
    code = worker.drain()
    spans.flush()
    return code


class Worker:
    """One process's share of an Async Server."""

    def __init__(self, options: WorkerOptions, row: BoardRow) -> None:
        self.options = options
        self.row = row
        self.owner = Owner(options.server, os.getpid())
        self.ear = Ear(self._connect_quick())
        self.intake = Intake(
            self._connect(), self.owner, options.queues, options.threads, options.reserve, options.tally
        )
        self.interrupts = Interrupts(self._stuck)
        self.coroutines = CoroutineSlots(
            options.coroutines, options.threads, self.owner, row, self.interrupts, self._coroutine_done
        )
        self.orders = Orders(
            options.release, self.owner, self.intake, self.interrupts, self.coroutines, options.yielding
        )
        self._slots = [
            threading.Thread(
                target=or_end_process, args=(partial(self._slot, number),), name=f"tandem-slot-{number}", daemon=True
            )
            for number in range(options.threads)
        ]
        self._suspect = threading.Lock()
        self._surroundings = Surroundings()
        self._share = Share(options.recycle_jobs, options.recycle_memory)
        self._deadline = math.inf
        self._polled_at = 0.0
        self._connected_at = 0.0

    def _connect(self) -> Connection:
        return connect(self.options.alias, purpose=f"worker {self.owner.server}-{self.owner.worker}")

    def _connect_quick(self) -> Connection:
        # This one claims and never finishes. A claim need not survive a crash of the database: forgotten, the job is
        # ready again, as it should be. So a job need not wait for the disk before it begins.
        connection = self._connect()
        connection.execute("SET synchronous_commit = off")
        return connection

    def stop(self) -> None:
        """Stop claiming and drain, within the seconds that there are for it; safe in a signal handler."""
        self._deadline = min(self._deadline, time.monotonic() + self.options.drain)
        self.orders.leaving = True
        self.ear.wake()

    def recycle(self, reason: str) -> None:
        """Stop claiming, let a successor begin, and drain however long it takes."""
        if not self.orders.leaving:
            self.orders.leaving = True
            events.recycled(reason)
            self.row.leave()
            self.ear.wake()

    def start(self) -> None:
        """Read what binds all workers, then let the slots go."""
        self.orders.read_all(self.ear.connection)
        for slot in self._slots:
            slot.start()

    def work(self) -> None:
        """The control loop: hear what became ready, see to what waits, until told to stop."""
        begun = 0
        while not self.orders.leaving:
            self.row.tick()
            if self.intake.broken is not None:
                self._reconnect(self.intake.broken)
            try:
                begun = self._turn(begun)
            except (psycopg.Error, OSError) as error:
                self._reconnect(error)

    def _turn(self, begun: int) -> int:
        seconds = TICK_S if self.intake.is_waiting else STALE_S if self.intake.hand.held else POLL_S
        ready, told = self.ear.wait(seconds)
        if told:
            self.orders.hear(self.ear.connection, told)
        if mine := [one for one in ready if one.queue in self.options.queues]:
            self.intake.hear(self.ear.connection, mine)
        if self.intake.is_waiting:
            self.intake.settle_late()
            if begun == self.intake.hand.begun:
                self.intake.wake()
        self._poll()
        return self.intake.hand.begun

    def drain(self) -> int:
        """Claim no more, give back what had not begun, let what runs end. Returns the exit code."""
        self.intake.close()
        while not self.intake.hand.is_empty and time.monotonic() < self._deadline:
            self.row.tick()
            if self.intake.broken is not None:
                self._reconnect(self.intake.broken)
            self.intake.exchange()
            try:
                _, told = self.ear.wait(DRAIN_TICK_S)
                if CANCEL in told or self._is_poll_due():
                    self.orders.read_cancelled(self.ear.connection)
            except (psycopg.Error, OSError) as error:
                self._reconnect(error)
        left = self.intake.give_up("the drain deadline of its worker passed")
        events.drained(left)
        if left:
            return 1
        return RECYCLED if self.row.is_leaving else 0

    def _slot(self, number: int) -> None:
        """A slot: take a job, run it, give its outcome; until there are no more."""
        while (job := self.intake.take(number)) is not None:
            try:
                is_coroutine = known(job.task).is_coroutine
                if is_sealed(job.arguments):
                    job = job._replace(arguments=at_rest.opened(job.arguments))
            except (ImportError, KeyNotConfigured) as error:
                self.intake.put_back(job, error)
                continue
            if is_coroutine and not job.is_suspect and self.coroutines.begin(job):
                continue
            # One suspect at a time, so that it is known which it was if this process dies.
            with self._suspect if job.is_suspect else nullcontext():
                self.row.begin(number, job.id)
                self._done(run(job, self.owner, self.interrupts))
                self.row.end(number)
        opened.close_all()
        self.ear.wake()

    def _done(self, outcome: Outcome) -> None:
        self._surroundings.restore(outcome.job.task, alone=self.intake.hand.runs_one)
        self.intake.give(outcome)
        if self._share.is_done(begun := self.intake.hand.begun):
            self.recycle(f"it has begun {begun} jobs")

    def _coroutine_done(self, outcome: Outcome) -> None:
        self._done(outcome)
        self.ear.wake()

    def _stuck(self, guard: Guard) -> None:
        """A job ignores that it was interrupted. Its outcome is written; its slot is lost, and so the process ends when
        its other jobs have ended."""
        events.stuck(guard.job, str(guard.error))
        self.intake.give(cut_off(guard.job, self.owner, guard.began, guard.error or TimedOut()))
        self.stop()

    def _poll(self) -> None:
        if self._is_poll_due():
            self.orders.read_all(self.ear.connection)
            self.intake.hear(self.ear.connection, [])
            if resident := self._share.outgrown(begun := self.intake.hand.begun):
                self.recycle(f"{resident} MiB are resident after {begun} jobs")

    def _is_poll_due(self) -> bool:
        """Whether POLL_S are over since it last was."""
        if time.monotonic() - self._polled_at < POLL_S:
            return False
        self._polled_at = time.monotonic()
        return True

    def _reconnect(self, error: Exception) -> None:
        """Connect anew, both connections, as often as it takes, or until the drain deadline; what runs goes on
        meanwhile."""
        events.database_lost(error)
        since = time.monotonic()
        if since - self._connected_at < RECONNECT_S:  # it answers, and refuses: do not besiege it
            self.ear.pause(RECONNECT_S)
        while time.monotonic() < self._deadline:
            self.row.tick()
            try:
                self.ear.connection.close()
                self.intake.hang_up(error)
                self.ear.listen(self._connect_quick())
                if self.orders.leaving:  # who waits to write what it did must not claim by the fence of before
                    self.intake.epoch = None
                self.intake.reconnected(self._connect())
                self.orders.read_fence(self.ear.connection)
            except (psycopg.Error, DatabaseUnreachable):
                self.ear.pause(RECONNECT_S)
            else:
                events.database_back(time.monotonic() - since)
                self._connected_at = time.monotonic()
                self._polled_at = 0.0
                return
