"""A core for each server, as if it were a machine of its own; the database's work is counted to whoever asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg

EVERY_S = 0.05


def can_pin() -> bool:
    """Whether this system lets us say which core runs what, and has two."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) >= 2


def two() -> tuple[int, int]:
    """Two cores that this process may use."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    return first, second


@contextmanager
def on(cores: list[int]) -> Iterator[None]:
    """What is started inside runs on `cores` only."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def busy(core: int) -> Iterator[None]:
    """A loop keeps `core` busy."""
    with on([core]):
        spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


class DatabaseCores:
    """Moves PostgreSQL's processes to the cores of the servers that they work for, until closed.

    A backend belongs to the server whose database user it serves. Writers and vacuum work for whoever writes most: they
    run on the cores `writers`.
    """

    def __init__(self, address: str, owners: Mapping[str, list[int]], writers: list[int]) -> None:
        self._address = address
        self._owners = owners
        self._writers = writers
        self._all = sorted({core for cores in owners.values() for core in cores})
        self._placed: dict[int, list[int]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="cores", daemon=True)

    def __enter__(self) -> DatabaseCores:
        if self._all:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            mine = connection.info.backend_pid
            while not self._closing.wait(EVERY_S):
                for pid, user, kind in connection.execute("SELECT pid, usename, backend_type FROM pg_stat_activity"):
                    if pid != mine:
                        self._place(pid, self._cores(user, kind))
        for pid in self._placed:
            self._move(pid, self._all)

    def _cores(self, user: str | None, kind: str) -> list[int]:
        if user is not None and user in self._owners:
            return self._owners[user]
        return self._writers if kind != "client backend" else []

    def _place(self, pid: int, cores: list[int]) -> None:
        if cores and self._placed.get(pid) != cores:
            self._placed[pid] = cores
            self._move(pid, cores)

    def _move(self, pid: int, cores: list[int]) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.sched_setaffinity(pid, cores)
