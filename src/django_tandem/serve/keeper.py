"""The keeper: the child of every server that keeps its lease, watches the fence and answers for its health.

On an Async Server it also gives back the jobs of workers that died, rescues those of silent servers and runs the
scheduler. It is stopped last, so that the lease holds while the others drain.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from django_tandem.errors import TandemError
from django_tandem.queue import events, fence, lease, rescuer, scheduler
from django_tandem.queue.connect import Connection, connect
from django_tandem.serve.health import Health, HealthServer
from django_tandem.serve.identity import Identity

TURN_S = 1.0

# After so long without an answer of the database the server no longer calls itself ready.
STALE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class KeeperOptions:
    """`inbox`: where the supervisor's words arrive. `health`: the listening socket for its answers, if it has its own.
    `loops`: whether this server rescues and schedules. `oldest_tick_s`: age of the slowest worker's sign of life."""

    alias: str
    identity: Identity
    token: str | None
    inbox: socket.socket
    health: socket.socket | None = None
    loops: bool = False
    oldest_tick_s: Callable[[], float] = lambda: 0.0


class Mailbox:
    """Words from a supervisor to its keeper. It outlives both, so that nothing is lost while a keeper is replaced."""

    def __init__(self) -> None:
        self._write, self.read = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._write.setblocking(False)

    def worker_died(self, pid: int, begun: list[int]) -> None:
        """A worker process died; it had begun these jobs."""
        self._send({"died": pid, "begun": begun})

    def draining(self) -> None:
        """The server ends."""
        self._send({"draining": True})

    def _send(self, word: dict[str, Any]) -> None:
        with suppress(BlockingIOError):  # full: the keeper has been gone for long, and the lease ends by itself
            self._write.send(json.dumps(word).encode())


def main(options: KeeperOptions) -> int:
    """The body of the keeper's process: until TERM, then the server is retired. Returns the exit code, 0."""
    return Keeper(options).run()


class Keeper:
    """Keeps one server's row, and what hangs on it."""

    def __init__(self, options: KeeperOptions) -> None:
        self.options = options
        self.state = "starting"
        self._draining = False
        self._stop = threading.Event()
        self._answered_at = time.monotonic()
        self._connection: Connection | None = None
        self._died: list[dict[str, Any]] = []

    def run(self) -> int:
        """Keep house until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        self._start_threads()
        renewed_at = 0.0
        while not self._stop.is_set():
            try:
                self._keep(renew=time.monotonic() - renewed_at >= lease.RENEW_S)
                if time.monotonic() - renewed_at >= lease.RENEW_S:
                    renewed_at = time.monotonic()
            except (psycopg.Error, TandemError) as error:
                events.loop_failed("keeper", error)
                self._disconnect()
            self._wait_for_words()
        self.retire()
        return 0

    def retire(self) -> None:
        """Give back what the server still holds, and say that it has stopped."""
        with suppress(psycopg.Error, TandemError):  # without a database the lease ends by itself
            for word in self._died:
                lease.put_back(self._connected(), self.options.identity.id, word["died"], word["begun"])
            lease.retire(self._connected(), self.options.identity.id)
        self._disconnect()

    def _keep(self, *, renew: bool) -> None:
        connection, me = self._connected(), self.options.identity
        while self._died:
            word = self._died[0]
            lease.put_back(connection, me.id, word["died"], word["begun"])
            self._died.pop(0)
        seen = fence.read(connection)
        if seen.release is None:
            seen = fence.take_if_empty(connection, me.release)
        state = "draining" if self._draining else "active" if seen.release == me.release else "standby"
        if renew or state != self.state:
            lease.renew(connection, me.id, state)
        self.state = state
        self._answered_at = time.monotonic()

    def _wait_for_words(self) -> None:
        self.options.inbox.settimeout(TURN_S)
        with suppress(TimeoutError):
            word = json.loads(self.options.inbox.recv(65536))
            if "died" in word:
                self._died.append(word)
            self._draining = self._draining or "draining" in word

    def _start_threads(self) -> None:
        options = self.options
        if options.health is not None:
            health = Health(
                identity=options.identity, token=options.token, state=lambda: self.state, unready=self.unready
            )
            self._thread(HealthServer(options.health, health).serve_forever)
        if options.loops:
            self._thread(lambda: rescuer.run(options.alias, self._stop))
            self._thread(lambda: scheduler.run(options.alias, self._stop))

    def unready(self) -> str | None:
        """Why the server is not ready, or None."""
        if self.state in ("starting", "draining"):
            return self.state
        if time.monotonic() - self._answered_at > STALE_S:
            return "the database does not answer"
        if self.options.oldest_tick_s() > STALE_S:
            return "a worker does not answer"
        return None

    def _thread(self, target: Callable[[], object]) -> None:
        threading.Thread(target=target, daemon=True).start()

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.options.alias, purpose=f"keeper {self.options.identity.id}")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def orphaned(options: KeeperOptions) -> Callable[[], None]:
    """What a keeper does when its supervisor was killed: the workers are gone with it, their jobs go back at once."""

    def retire_and_leave() -> None:
        Keeper(options).retire()
        os._exit(1)

    return retire_and_leave
