"""What the agent of a host hands to a server that it starts: the socket of its role, and a way to ask it alone.

While a release takes over from another, two servers of a role have the same address. Each also answers for its health
on a Unix socket of its own, and stands by: it takes no request before the fence names its release.
"""

from __future__ import annotations

import mmap
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from django_tandem.processes import sockets
from django_tandem.serve.standing import Standing

# Environment variables: the number of the descriptor, and the path of the Unix socket.
DESCRIPTOR, ASK_AT = "TANDEM_LISTEN_FD", "TANDEM_ASK_AT"

LOOK_EVERY_S = 0.005


class Handed(NamedTuple):
    """`listening` is the role's socket, which others hold too; `private` is listened on by this server alone."""

    listening: socket.socket
    private: socket.socket
    ask_at: Path

    def remove(self) -> None:
        """Nobody answers there any more."""
        sockets.remove(f"unix:{self.ask_at}")


def take() -> Handed | None:
    """What was handed to this process, once; None: nothing, it stands alone. Raises PortTaken."""
    number, ask_at = os.environ.pop(DESCRIPTOR, None), os.environ.pop(ASK_AT, None)
    if number is None or ask_at is None:
        return None
    listening = socket.socket(fileno=int(number))
    os.set_inheritable(listening.fileno(), False)
    return Handed(listening, sockets.listen(f"unix:{ask_at}", ASK_AT), Path(ask_at))


class Gate:
    """Where the workers of a Back Office wait until the fence names their release. Shared memory, made before the
    fork."""

    def __init__(self, standing: Standing, workers: int) -> None:
        self._standing = standing
        self._workers = workers
        self._here = mmap.mmap(-1, mmap.PAGESIZE)

    def wait(self, number: int, lives: Callable[[], bool]) -> None:
        """Wait as worker `number`, as long as it `lives`, which is asked all the time."""
        self._here[number % mmap.PAGESIZE] = 1
        while lives() and self._standing.state not in ("active", "draining"):
            time.sleep(LOOK_EVERY_S)

    def unready(self) -> str | None:
        """Why nobody could be answered, or None: all workers have come here."""
        return None if sum(self._here[:]) >= self._workers else "its workers are not up yet"
