"""Listen: announcements from the database, and wake-ups from signals and other threads, in one wait."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from django_tandem.queue.connect import Connection

READY, FENCE = "tandem_ready", "tandem_fence"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Ear:
    """A connection that listens, and a pipe that others may write to in order to end a wait."""

    def __init__(self, connection: Connection) -> None:
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        self.listen(connection)

    def listen(self, connection: Connection) -> None:
        """Listen on `connection` from now on."""
        connection.execute("LISTEN tandem_ready")
        connection.execute("LISTEN tandem_fence")
        self.connection = connection

    def wait(self, seconds: float) -> tuple[list[tuple[str, datetime]], bool]:
        """Wait until something is said, a wake-up, or for `seconds`.

        Returns what became ready as (queue, earliest due), and whether the fence moved. Raises psycopg.OperationalError
        when the connection is broken.
        """
        pgconn = self.connection.pgconn
        readable, _, _ = select.select([pgconn.socket, self.wake_read], [], [], seconds)
        if self.wake_read in readable:
            while len(os.read(self.wake_read, 4096)) == 4096:
                pass
        ready: dict[str, datetime] = {}
        fence_moved = False
        if pgconn.socket in readable:
            pgconn.consume_input()
            while (notice := pgconn.notifies()) is not None:
                if notice.relname == FENCE.encode():
                    fence_moved = True
                else:
                    queue, due = _parse(notice.extra.decode())
                    ready[queue] = min(due, ready.get(queue, due))
        return list(ready.items()), fence_moved

    def pause(self, seconds: float) -> None:
        """Wait for a wake-up or for `seconds`, without the database."""
        if select.select([self.wake_read], [], [], seconds)[0]:
            os.read(self.wake_read, 4096)

    def wake(self) -> None:
        """End the wait. May be called from a signal handler and from any thread."""
        with suppress(BlockingIOError):  # full: the wait ends anyhow
            os.write(self.wake_write, b".")


def _parse(payload: str) -> tuple[str, datetime]:
    queue, _, due = payload.rpartition(" ")
    return queue, _EPOCH + timedelta(seconds=float(due))
