"""Channel: what the workers of a server noted, on its way to their keeper."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

# What waits for a keeper that is being replaced; and the longest that one piece may be, where the system asks.
BUFFER = 256 * 1024
LONGEST = 128 * 1024


class Channel:
    """A pair of sockets made before the fork. Datagrams: many write, none of them in the middle of another's, and a
    writer that is killed leaves no half of one. What nobody has read yet outlives its writer and its reader."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for one in (self._read, self._write):
            one.setblocking(False)
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)

        self._arrived = select.poll()  # unlike an epoll it is nothing of the kernel's that a fork would share
        self._arrived.register(self._read, select.POLLIN)

    def send(self, piece: bytes) -> bool:
        """Whether there was room for it. What is too long for any datagram is dropped: it would never have room."""
        if len(piece) > LONGEST:
            return True
        try:
            self._write.send(piece)
        except OSError:
            return False
        return True

    def wait(self, seconds: float) -> bool:
        """Wait until something can be read, at most so long."""
        return bool(self._arrived.poll(seconds * 1000))

    def receive(self) -> Iterator[dict[str, Any]]:
        """What has arrived. Raises ValueError for what is not JSON, and goes on behind it the next time."""
        with suppress(BlockingIOError):
            while True:
                yield json.loads(self._read.recv(LONGEST))

    def close(self) -> None:
        """In this process."""
        self._read.close()
        self._write.close()
