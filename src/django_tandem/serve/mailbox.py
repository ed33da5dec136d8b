"""Words from a supervisor to its keeper, over a socket pair that outlives both, so that no death goes unheard.

Nobody knows what a keeper that died had read. Its successor is forked from the supervisor, and so has by birth all that
was told before: nothing is sent again to a process that is not there yet to read it.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass

# What a keeper that replaces another is born with. To give back the jobs of a dead worker twice does no harm.
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
        self.deaths: deque[WorkerDied] = deque(maxlen=REMEMBERED)
        self.is_draining = False

    def worker_died(self, death: WorkerDied) -> None:
        """Tell of a death."""
        self.deaths.append(death)
        self._send(asdict(death))

    def draining(self) -> None:
        """Tell that the server ends."""
        self.is_draining = True
        self._send({"draining": True})

    def keeper_died(self, living: Collection[int] = ()) -> None:
        """Empty the socket, which may hold the rest of a line; forget the dead whose process ids are `living` again."""
        self.read.setblocking(False)
        with suppress(BlockingIOError):
            while self.read.recv(65536):
                pass
        self.deaths = deque((death for death in self.deaths if death.pid not in living), maxlen=REMEMBERED)

    def _send(self, word: dict[str, object]) -> None:
        with suppress(TimeoutError):  # a keeper that does not read is silent, and will be replaced
            self._write.sendall(json.dumps(word).encode() + b"\n")


class Reader:
    """The keeper's end; made in the keeper's own process."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._read = mailbox.read
        self._rest = b""
        self._by_birth = list(mailbox.deaths)
        self.draining = mailbox.is_draining

    def read(self) -> list[WorkerDied]:
        """The deaths that were told since the last call; with the first, all that were told before."""
        deaths, self._by_birth = self._by_birth, []
        self._read.setblocking(False)
        try:
            *lines, self._rest = (self._rest + self._read.recv(65536)).split(b"\n")
        except BlockingIOError:
            return deaths
        for line in lines:
            word = json.loads(line)
            if "draining" in word:
                self.draining = True
            else:
                deaths.append(WorkerDied(pid=word["pid"], begun=tuple(word["begun"])))
        return deaths
