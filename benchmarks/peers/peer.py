"""The seam between the harness and a system: what is asked of a peer, and the peer behind a driver process."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psutil

from benchmarks import stamps
from benchmarks.peers.catalog import Entry
from benchmarks.peers.jobs import Tally, tally

ROOT = Path(__file__).parent.parent.parent
ANSWER_S = 60.0


class Failed(Exception):
    """A figure could not be taken; says why."""


class Peer(Protocol):
    """A system whose queue is empty and whose workers do not run yet."""

    def enqueue(self, job: str, count: int, *arguments: Any) -> None:
        """Enqueue so many, as fast as the system can, and let its server come to rest."""

    def enqueue_for(self, seconds: float) -> float:
        """Enqueue one by one for so long: jobs a second."""

    def start(self) -> None:
        """Start the workers."""

    def send_stamps(self, count: int, every_s: float, *, urgent: bool) -> None:
        """Enqueue so many stamps, at intervals."""

    def stamps(self) -> list[float]:
        """Milliseconds from sent to begun, of each stamp since `forget_stamps`."""

    def forget_stamps(self) -> None:
        """Forget what the stamps said."""

    def tally(self) -> Tally:
        """What the workers have done."""

    def unfinished(self) -> int:
        """Jobs that wait, or whose end the system has not recorded."""

    def check(self) -> None:
        """Raises Failed when a worker has ended."""


class Driven:
    """benchmarks.peers.driver in the peers' environment, asked over a pipe."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, settle: Callable[[], None]) -> None:
        self.process, self.folder, self.settle = process, folder, settle
        self._read()  # it is ready

    def enqueue(self, job: str, count: int, *arguments: Any) -> None:
        self._ask("enqueue", within_s=300, job=job, count=count, arguments=arguments)
        self.settle()

    def enqueue_for(self, seconds: float) -> float:
        return float(self._ask("enqueue_for", within_s=seconds + ANSWER_S, seconds=seconds))

    def start(self) -> None:
        self._ask("start")

    def send_stamps(self, count: int, every_s: float, *, urgent: bool) -> None:
        self._ask("stamps", within_s=count * every_s + ANSWER_S, count=count, every_s=every_s, urgent=urgent)

    def stamps(self) -> list[float]:
        return stamps.read(str(self.folder / "stamps"))

    def forget_stamps(self) -> None:
        stamps.clear(str(self.folder / "stamps"))

    def tally(self) -> Tally:
        return tally(self.folder / "tallies")

    def unfinished(self) -> int:
        return int(self._ask("unfinished"))

    def check(self) -> None:
        if codes := self._ask("ended"):
            raise Failed(f"a worker ended with {codes[0]}: {self._last_words()}")

    def _ask(self, do: str, within_s: float = 0.0, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{do}: {self._last_words()}") from None
        return json.loads(self._read(do, within_s))

    def _read(self, do: str = "prepare", within_s: float = 0.0) -> bytes:
        assert self.process.stdout is not None
        within_s = within_s or ANSWER_S
        deadline, line = time.monotonic() + within_s, b""
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise Failed(f"{do}: no answer within {within_s:g} s")
            if not (more := os.read(self.process.stdout.fileno(), 65536)):
                raise Failed(f"{do}: {self._last_words()}")
            line += more
        return line

    def _last_words(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


@contextmanager
def driven(entry: Entry, figure: str, broker: Any, python: Path, folder: Path) -> Iterator[Driven]:
    """The peer with an empty queue, set up for `figure`; when the block ends, none of its processes is left.

    `folder` is new and empty, and keeps what the processes print, in `log`. Raises Failed.
    """
    (folder / "tallies").mkdir()
    address = broker.fresh(entry.name)
    stamps.clear(str(folder / "stamps"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "TANDEM_"))},
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "TANDEM_PEERS_ADDRESS": address,
        "TANDEM_PEERS_FIGURE": figure,
        "TANDEM_PEERS_TALLIES": str(folder / "tallies"),
        "TANDEM_BENCH_STAMPS": str(folder / "stamps"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-m", "benchmarks.peers.driver", entry.module],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Driven(process, folder, lambda: broker.settle(address))
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the driver, its group, and what left the group."""
    strays = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for stray in strays:
        with suppress(psutil.NoSuchProcess):
            stray.kill()
    process.wait()
    psutil.wait_procs(strays, timeout=5)
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            pipe.close()  # type: ignore[union-attr]
