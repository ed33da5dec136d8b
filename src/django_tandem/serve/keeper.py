"""The keeper: the child of every server that keeps its lease, watches the fence and answers for its health.

On an Async Server it also gives back the jobs of workers that died, rescues those of silent servers and runs the
scheduler. It is stopped last, so that the lease holds while the others drain.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from django_tandem.errors import NotMigrated, TandemError
from django_tandem.processes.child import ChildSpec
from django_tandem.processes.signals import Signals
from django_tandem.queue import events, fence, firing, lease, rescuer, scheduler
from django_tandem.queue.connect import Connection, connect
from django_tandem.queue.listen import FENCE, listen_to
from django_tandem.serve import standing
from django_tandem.serve.health import Health, HealthServer
from django_tandem.serve.identity import Identity
from django_tandem.serve.mailbox import Mailbox, Reader, WorkerDied
from django_tandem.serve.standing import Standing

logger = logging.getLogger("django_tandem.serve")

TURN_S = 1.0

# A worker that is killed in the middle of a claim leaves a statement behind that the database may yet finish, so its
# jobs are looked for at once and after each of these times.
LOOK_AGAIN_S = (1.0, 5.0)

# What watches the server is given so long to write down the last that it saw: less than the keeper itself is given.
WATCH_ENDS_S = 1.5


@dataclass(frozen=True, kw_only=True)
class KeeperOptions:
    """`health`: a listening socket that this server has alone, and what is answered there; `shared_health`: one that
    others of its role have too, where only those answer that are active. `loops`: whether it rescues and schedules.
    `may_take_fence`: whether it makes its release the active one where none is. `watch`: what watches the server; it is
    given an event that says that the keeper ends."""

    alias: str
    identity: Identity
    standing: Standing
    mailbox: Mailbox
    health: tuple[socket.socket, Health] | None = None
    shared_health: tuple[socket.socket, Health] | None = None
    loops: bool = False
    may_take_fence: bool = True
    watch: Callable[[threading.Event], None] = lambda _: None


def child(options: KeeperOptions, not_mine: socket.socket | None = None) -> ChildSpec:
    """The keeper as its supervisor is to keep it alive. `not_mine`: a listening socket that it must not hold open."""

    def body() -> int:
        if not_mine is not None:
            not_mine.close()
        return Keeper(options).run()

    return ChildSpec(
        name="keeper",
        body=body,
        orphaned=lambda: _retire_and_leave(options),
        silent_s=options.standing.silent_s,
        last=True,
    )


class Keeper:
    """Keeps one server's row, and what hangs on it."""

    def __init__(self, options: KeeperOptions) -> None:
        self.options = options
        self._signals = Signals((signal.SIGTERM, signal.SIGINT))
        self._words = Reader(options.mailbox)
        self._selector = selectors.PollSelector()
        self._selector.register(self._signals.fileno(), selectors.EVENT_READ)
        self._selector.register(options.mailbox.read, selectors.EVENT_READ)
        self._stop = threading.Event()
        self._active = threading.Event()
        self._fence_moved = False
        self._connection: Connection | None = None
        self._listening_on = -1
        self._state = ""
        self._renewed_at = 0.0
        self._give_back: list[tuple[float, WorkerDied]] = []

    def run(self) -> int:
        """Keep house until told to stop."""
        self._start_threads()
        watching = self._thread(lambda: self.options.watch(self._stop))
        self._hear()
        while not self._stop.is_set():
            self._turn()
            self._selector.select(0 if self._fence_moved else TURN_S)
            self._hear()
        self._turn()  # the last of the dead
        watching.join(WATCH_ENDS_S)
        self._disconnect()
        return 0

    def _turn(self) -> None:
        try:
            self._give_back_jobs(self._connected())
            self._renew(self._connected(), self._where_the_fence_says())
        except (psycopg.Error, TandemError) as error:
            events.loop_failed("keeper", error)
            self._disconnect()
            missing = isinstance(error, NotMigrated)
            self.options.standing.tell(
                self._state or "starting", standing.NOT_MIGRATED if missing else standing.UNREACHABLE
            )

    def _where_the_fence_says(self) -> str:
        if self._words.draining:
            return "draining"
        release = self.options.identity.release
        seen = fence.read(self._connected())
        if seen.release is None and self.options.may_take_fence:
            seen = fence.take_if_empty(self._connected(), release)
        return "active" if seen.release == release else "standby"

    def _renew(self, connection: Connection, state: str) -> None:
        if state == "draining":
            self.options.standing.tell(state)  # who reads in the row that it drains must not find it ready
        if state != self._state or time.monotonic() - self._renewed_at >= lease.RENEW_S:
            lease.renew(connection, self.options.identity.id, state)
            self._renewed_at = time.monotonic()
        self._state = state
        self.options.standing.tell(state)
        if state == "active":
            self._active.set()

    def _give_back_jobs(self, connection: Connection) -> None:
        now = time.monotonic()
        for at, death in list(self._give_back):
            if at <= now:
                lease.put_back(connection, self.options.identity.id, death.pid, death.begun)
                self._give_back.remove((at, death))

    def _hear(self) -> None:
        if self._signals.arrived():
            self._stop.set()
        self._hear_fence()
        now = time.monotonic()
        self._give_back += [(now + later, death) for death in self._words.read() for later in (0.0, *LOOK_AGAIN_S)]

    def _hear_fence(self) -> None:
        """The turn after this one reads the fence, whatever was said; here it is only to be taken off the wire."""
        self._fence_moved = False
        if self._connection is None:
            return
        try:
            self._connection.pgconn.consume_input()
            while self._connection.pgconn.notifies() is not None:
                pass
        except psycopg.Error:
            self._disconnect()

    def _start_threads(self) -> None:
        alias, shared = self.options.alias, self.options.shared_health
        if self.options.health is not None:
            self._thread(HealthServer(*self.options.health).serve_forever)
        if shared is not None:
            self._thread(lambda: self._serve_when_active(HealthServer(*shared)))
        if self.options.loops:
            self._thread(lambda: rescuer.run(alias, self._stop))
            self._thread(lambda: scheduler.run(alias, self._stop))
            self._thread(lambda: firing.run(self.options.identity.release, self._stop))

    def _serve_when_active(self, server: HealthServer) -> None:
        self._active.wait()
        server.serve_forever()

    def _thread(self, target: Callable[[], object]) -> threading.Thread:
        def run_or_leave() -> None:
            try:
                target()
            except Exception:
                logger.exception("a loop of the keeper failed: the keeper is replaced")
                os._exit(1)

        thread = threading.Thread(target=run_or_leave, daemon=True)
        thread.start()
        return thread

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.closed:
            self._disconnect()
        if self._connection is None:
            self._connection = connect(self.options.alias, purpose=f"keeper {self.options.identity.id}")
            self._connection.add_notify_handler(self._notice)
            listen_to(self._connection, FENCE)
            self._listening_on = self._connection.fileno()
            self._selector.register(self._listening_on, selectors.EVENT_READ)
        return self._connection

    def _notice(self, _: object) -> None:
        """It was said while a statement ran, which may have read the fence before."""
        self._fence_moved = True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._listening_on)
            self._connection.close()
            self._connection = None


def retire(alias: str, identity: Identity) -> None:
    """The server has ended: give back what it still holds, and say that it has stopped."""
    # Without a database the lease ends by itself.
    with suppress(psycopg.Error, TandemError), connect(alias, purpose=f"{identity.role} retires") as connection:
        lease.retire(connection, identity.id)


def _retire_and_leave(options: KeeperOptions) -> None:
    """The supervisor was killed: the workers are gone with it, their jobs go back at once."""
    retire(options.alias, options.identity)
    os._exit(1)
