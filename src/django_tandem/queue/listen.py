"""Listen: announcements from the database, and wake-ups from signals and other threads, in one wait."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

from psycopg import Notify, sql

from django_tandem.queue.connect import Connection

READY, FENCE, CANCEL, PAUSE, PRESSURE = CHANNELS = (
    "tandem_ready",
    "tandem_fence",
    "tandem_cancel",
    "tandem_pause",
    "tandem_pressure",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Ready(NamedTuple):
    """Jobs of a queue became ready: the earliest due and the highest priority among them."""

    queue: str
    due: datetime
    priority: int


class Ear:
    """A connection that listens, and a pipe that others may write to in order to end a wait."""

    def __init__(self, connection: Connection) -> None:
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        self._heard: list[Notify] = []
        self.listen(connection)

    def listen(self, connection: Connection) -> None:
        """Listen on `connection` from now on."""
        # What arrives while a statement runs on it is read with the statement's answer, and told to this handler only.
        connection.add_notify_handler(self._heard.append)
        for channel in CHANNELS:
            listen_to(connection, channel)
        self.connection = connection

    def wait(self, seconds: float) -> tuple[list[Ready], set[str]]:
        """Wait until something is said, a wake-up, or for `seconds`.

        Returns what became ready, once a queue, and which of the other channels said something. Raises
        psycopg.OperationalError when the connection is broken.
        """
        pgconn = self.connection.pgconn
        readable, _, _ = select.select([pgconn.socket, self.wake_read], [], [], 0 if self._heard else seconds)
        if self.wake_read in readable:
            self._empty_pipe()
        heard = [(notice.channel, notice.payload) for notice in self._heard]
        self._heard.clear()
        if pgconn.socket in readable:
            pgconn.consume_input()
            while (notice := pgconn.notifies()) is not None:
                heard.append((notice.relname.decode(), notice.extra.decode()))
        ready: dict[str, Ready] = {}
        for one in (parse(payload) for channel, payload in heard if channel == READY):
            other = ready.get(one.queue, one)
            ready[one.queue] = Ready(one.queue, min(one.due, other.due), max(one.priority, other.priority))
        return list(ready.values()), {channel for channel, _ in heard} - {READY}

    def pause(self, seconds: float) -> None:
        """Wait for a wake-up or for `seconds`, without the database."""
        if select.select([self.wake_read], [], [], seconds)[0]:
            self._empty_pipe()

    def wake(self) -> None:
        """End the wait. May be called from a signal handler and from any thread."""
        with suppress(BlockingIOError):  # full: the wait ends anyhow
            os.write(self.wake_write, b".")

    def _empty_pipe(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self.wake_read, 4096):
                pass


def listen_to(connection: Connection, channel: str) -> None:
    """What is said on `channel` from now on comes to `connection`."""
    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))


def parse(payload: str) -> Ready:
    """An announcement, "queue seconds-since-1970 priority". To the microsecond: a bound on due that was rounded up
    would hide the job that is announced."""
    queue, due, priority = payload.rsplit(" ", 2)
    return Ready(queue, _EPOCH + timedelta(microseconds=int(Decimal(due) * 1_000_000)), int(priority))
