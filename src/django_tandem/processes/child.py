"""One OS process: forked to run a body, and gone when its parent is."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

# The exit code of a child that has done its share and is to be replaced. sysexits.h: "try again later".
RECYCLED = os.EX_TEMPFAIL


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What a child is. `body` returns its exit code.

    `orphaned` is called in the child, in a thread, when the parent died without a word; by default the child is killed.
    None: the body sees to it itself (and may fork, which a thread would make unsafe).
    `silent_s` tells how many seconds ago the child last showed that it lives (0: unknown). It is asked in the parent.
    `leaving` tells whether the child has done its share, and ends with the code RECYCLED when it is through with what
    it has begun: what `successor` makes takes its place meanwhile. Both are asked in the parent.
    A child that is `last` is stopped after all others have ended. `hurry` is what a child gets that must not take its
    time any more; one that does not die of it at once is killed.
    """

    name: str
    body: Callable[[], int]
    orphaned: Callable[[], None] | None = lambda: os.kill(os.getpid(), signal.SIGKILL)
    silent_s: Callable[[], float] = lambda: 0.0
    leaving: Callable[[], bool] = lambda: False
    successor: Callable[[], ChildSpec] | None = None
    last: bool = False
    hurry: signal.Signals = signal.SIGKILL


@dataclass(frozen=True, kw_only=True)
class Death:
    """A child's end: `status` is its exit code, or minus the signal that killed it."""

    name: str
    pid: int
    status: int
    lived_s: float

    @property
    def cause(self) -> str:
        """In words."""
        if self.status >= 0:
            return f"exit code {self.status}"
        known = {number.value: number.name for number in signal.Signals}
        return f"killed by {known.get(-self.status, f'signal {-self.status}')}"


class Child:
    """A running child process, which leads a process group of its own."""

    def __init__(self, spec: ChildSpec, leave_parent: Callable[[], None], lifeline: int) -> None:
        """Fork. `leave_parent` is called in the child and gives up what is only the parent's; `lifeline` is the end of
        a pipe whose other end only the parent has: it ends when the parent does."""
        self.spec = spec
        self.started_at = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        # Held back until the child has its own handlers: the parent's would tell the parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                code = _live(spec, leave_parent, lifeline, before)
            finally:
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a child that is gone already is no error."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def send_group(self, number: signal.Signals) -> None:
        """Send a signal to the child and to the processes that it started."""
        # Until the child has made its group it has started nothing. A zombie's group is refused on macOS.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
        if number == signal.SIGKILL:
            self.send(number)

    def reap(self) -> Death | None:
        """Its death, if it has died."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        lived = time.monotonic() - self.started_at
        return Death(name=self.spec.name, pid=pid, status=os.waitstatus_to_exitcode(status), lived_s=lived)


def _live(spec: ChildSpec, leave_parent: Callable[[], None], lifeline: int, mask: Iterable[int]) -> int:
    """The child's whole life; returns its exit code. What escapes ends it: above are the parent's own frames."""
    try:
        leave_parent()
        # A group of its own: a Ctrl-C in the terminal is for the supervisor, which then tells its children.
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if spec.orphaned is not None:
            threading.Thread(target=_watch, args=(lifeline, spec.orphaned), name="lifeline", daemon=True).start()
        code = spec.body()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)  # noqa: T201 - what sys.exit itself would do
    except BaseException:  # noqa: BLE001 - the edge of a process
        traceback.print_exc()
        code = 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _watch(lifeline: int, orphaned: Callable[[], None]) -> None:
    while os.read(lifeline, 1):
        pass
    orphaned()
