"""How soon a job begins again whose process, or whole server, was killed: for benchmarks.queue.

The servers are real, of two worker processes each. What is given is the slowest of some kills, from the kill to the
first line of the task in another process.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks import stamps
from benchmarks.fleet import PROCESSES, Fleet

if TYPE_CHECKING:
    from benchmarks.queue import Bench

KILLS = 5
FRESH_S = 0.3


def worker_again_ms(bench: Bench) -> float:
    """Of a worker process, killed -9 while its siblings live."""
    with _fleet(bench, servers=1):
        return max(_again_ms(bench, lambda pid: [psutil.Process(pid)]) for _ in range(KILLS))


def server_again_ms(bench: Bench) -> float:
    """Of a server all of whose processes are killed, so that nobody can say that it died, as when its machine is lost.
    Just after a sign of life: when it takes longest to notice."""

    def server_of(pid: int) -> list[psutil.Process]:
        bench.wait(lambda: _is_fresh(bench))
        families = [fleet.family(number) for number in range(len(fleet.servers))]
        return next(family for family in families if psutil.Process(pid) in family)

    with _fleet(bench, servers=2) as fleet:
        return _again_ms(bench, server_of)


def _again_ms(bench: Bench, victims: Callable[[int], list[psutil.Process]]) -> float:
    """Kill what `victims` says of the process that runs a job, and wait until another runs it."""
    stamps.clear()
    bench.tasks.wait_to_be_killed.enqueue()
    bench.wait(lambda: len(stamps.pairs()) == 1)
    family = victims(int(stamps.pairs()[0][0]))
    for number in (signal.SIGSTOP, signal.SIGKILL):  # none sees another die
        for one in family:
            one.send_signal(number)
    killed_at = time.monotonic()
    bench.wait(lambda: len(stamps.pairs()) == 2)
    (first, _), (second, began_at) = stamps.pairs()
    assert first != second
    bench.wait(lambda: bench.unfinished() == 0)
    return (began_at - killed_at) * 1000


def _is_fresh(bench: Bench) -> bool:
    """Whether the server that has the job gave a sign of life just now."""
    age = bench.one(
        "SELECT extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 FROM tandem_server"
        " WHERE id = (SELECT server FROM tandem_job)"
    )
    return bool(age[0] < FRESH_S)


@contextmanager
def _fleet(bench: Bench, servers: int) -> Iterator[Fleet]:
    """So many servers, with all their workers up."""
    bench.empty()
    with tempfile.TemporaryDirectory(prefix="tandem-kills-") as folder:
        fleet = Fleet(bench.url, Path(folder), servers, settings="benchmarks.settings", release=bench.release)
        try:
            fleet.start()
            bench.wait(lambda: bench.workers_up() == servers * PROCESSES)
            yield fleet
        finally:
            fleet.stop()
