"""Words from a supervisor to its keeper, over a socket pair that outlives both, so that no death goes unheard."""

from __future__ import annotations

import json
import socket
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass

# What is told again to a keeper that replaces another. To give back the jobs of a dead worker twice does no harm.
REMEMBERED = 1000

SEND_TIMEOUT_S = 0.5


@dataclass(frozen=True, kw_only=True)
class WorkerDied:
    """The worker process `pid` died; it had begun these jobs."""

    pid: int
    begun: tuple[int, ...]


class Mailbox:
    """A stream of lines: datagrams have a size and a number at which macOS and Linux refuse them."""

    def __init__(self) -> None:
        self._write, self.read = socket.socketpair()
        self._write.settimeout(SEND_TIMEOUT_S)
        self._deaths: deque[WorkerDied] = deque(maxlen=REMEMBERED)
        self._draining = False

    def worker_died(self, death: WorkerDied) -> None:
        """Tell of a death."""
        self._deaths.append(death)
        self._send(asdict(death))

    def draining(self) -> None:
        """Tell that the server ends."""
        self._draining = True
        self._send({"draining": True})

    def tell_again(self) -> None:
        """The keeper died: nobody knows what it had read, so its successor hears everything."""
        self.read.setblocking(False)
        with suppress(BlockingIOError):
            while self.read.recv(65536):
                pass
        for death in self._deaths:
            self._send(asdict(death))
        if self._draining:
            self._send({"draining": True})

    def _send(self, word: dict[str, object]) -> None:
        with suppress(TimeoutError):  # a keeper that does not read is silent, and will be replaced and told again
            self._write.sendall(json.dumps(word).encode() + b"\n")


class Reader:
    """The keeper's end."""

    def __init__(self, read: socket.socket) -> None:
        self._read = read
        self._rest = b""
        self.draining = False

    def read(self) -> list[WorkerDied]:
        """The deaths that were told since the last call."""
        self._read.setblocking(False)
        try:
            *lines, self._rest = (self._rest + self._read.recv(65536)).split(b"\n")
        except BlockingIOError:
            return []
        deaths = []
        for line in lines:
            word = json.loads(line)
            if "draining" in word:
                self.draining = True
            else:
                deaths.append(WorkerDied(pid=word["pid"], begun=tuple(word["begun"])))
        return deaths
