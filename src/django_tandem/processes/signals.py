"""Signals only enqueue intentions: a handler does nothing, a pipe says which signal came, a loop acts."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable
from types import FrameType


class Signals:
    """Receives signals as bytes on a socket that a selector can wait for. For the main thread only."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        # What this process was started to ignore (nohup: HUP) stays ignored.
        self._numbers = tuple(number for number in numbers if signal.getsignal(number) != signal.SIG_IGN)
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._before = {number: signal.signal(number, _ignore) for number in self._numbers}
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        """What a selector waits for."""
        return self._read.fileno()

    def arrived(self) -> list[signal.Signals]:
        """The signals that came since the last call, in their order."""
        try:
            data = self._read.recv(4096)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in data if number in self._numbers]

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    def leave(self) -> None:
        """In a forked child: default handling, and no share in the parent's pipe."""
        signal.set_wakeup_fd(-1)
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (self._read.fileno(), self._write.fileno()):
            os.close(descriptor)
        self._read.detach()
        self._write.detach()


def _ignore(number: int, frame: FrameType | None) -> None:
    """A handler must be there for the number to be written to the wake-up descriptor."""
