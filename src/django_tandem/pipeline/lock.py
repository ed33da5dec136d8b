"""The lock: one owner drives. Its epoch rises with each, so that one who was frozen and wakes can write nothing.

An owner is gone when its process is, which whoever runs on the same machine can see at once, or when its heartbeat is
older than the limit by the database's clock.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import socket
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import psutil
import psycopg

from django_tandem.errors import AnotherDrives, DatabaseUnreachable, DriverReplaced
from django_tandem.pipeline.statements import statement
from django_tandem.queue.connect import Connection

logger = logging.getLogger("django_tandem.pipeline")

DEPLOY = "deploy"
# How often an owner renews, and after how long without it another may take the lock over.
RENEW_S = 5.0
LIMIT = timedelta(seconds=30)


class Held(NamedTuple):
    """The right to write. `owner` is unique to this taking; `took_from` says from whom it was taken over, if so."""

    lock: str
    owner: str
    epoch: int
    took_from: str | None = None


class Owner(NamedTuple):
    """Who has the lock, or had it: `owner` is None where it is free. `age_s`: of the heartbeat, seconds."""

    owner: str | None
    host: str | None
    machine: str | None
    pid: int | None
    started: float | None
    run: int | None
    epoch: int
    age_s: float | None

    def __str__(self) -> str:
        of_run = "" if self.run is None else f", for run {self.run}"
        return f"process {self.pid} on {self.host}{of_run}, heard of {self.age_s or 0:.1f} s ago"


def read(connection: Connection, name: str = DEPLOY) -> Owner | None:
    """Who has the lock; None where nobody has."""
    row = connection.execute(statement("lock", "read"), {"name": name}).fetchone()
    return None if row is None or row[0] is None else Owner(*row)


def acquire(connection: Connection, *, run: int | None = None, name: str = DEPLOY, limit: timedelta = LIMIT) -> Held:
    """Take the lock for this process: where it is free, or its owner is proven gone.

    From now on a transaction that `connection` leaves open and idle for longer than `limit` is cut off: a frozen owner
    must not keep the row. Raises AnotherDrives, which names the owner.
    """
    before = read(connection, name)
    gone = before.owner if before is not None and _is_gone(before) else None
    owner = str(uuid.uuid4())
    row = {
        "name": name,
        "owner": owner,
        "host": socket.gethostname(),
        "machine": machine(),
        "pid": os.getpid(),
        "started": _began(os.getpid()),
        "run": run,
        "gone": gone,
        "limit": limit,
    }
    taken = connection.execute(statement("lock", "take"), row).fetchone()
    if taken is None:
        raise AnotherDrives(f"the lock {name} is held by {read(connection, name) or before}")
    milliseconds = str(int(limit.total_seconds() * 1000))
    connection.execute(statement("lock", "cut_when_frozen"), {"milliseconds": milliseconds})
    if before is not None:
        logger.warning("took the lock %s over from %s", name, before)
    return Held(name, owner, taken[0], None if before is None else str(before))


def renew(connection: Connection, held: Held) -> None:
    """The heartbeat. Raises DriverReplaced."""
    if not connection.execute(statement("lock", "renew"), _named(held)).rowcount:
        raise lost(connection, held)


def keep(connection: Connection, held: Held) -> None:
    """Nobody takes the lock over before the transaction that is open on `connection` ends: for what must happen as its
    owner or not at all. Raises DriverReplaced."""
    if connection.execute(statement("lock", "keep"), _named(held)).fetchone() is None:
        raise lost(connection, held)


def release(connection: Connection, held: Held) -> bool:
    """Give the lock back, and tell whoever waits. False: it was somebody else's already."""
    return connection.execute(statement("lock", "release"), _named(held)).fetchone() is not None


def lost(connection: Connection, held: Held) -> DriverReplaced:
    """The error that says who has the lock now."""
    now = read(connection, held.lock)
    who = "nobody has it now" if now is None else f"{now} has it at epoch {now.epoch}"
    return DriverReplaced(f"the lock {held.lock} of epoch {held.epoch} is lost: {who}; nothing was written")


def has_lost(connection: Connection, held: Held) -> bool:
    """Whether the lock is not `held`'s any more."""
    now = read(connection, held.lock)
    return now is None or (now.owner, now.epoch) != (held.owner, held.epoch)


class Heartbeat:
    """Renews in a thread, on connections of its own, for as long as the `with` block lasts.

    `connect` makes a connection: it is asked again where one breaks. `on_lost` is called once, in the thread, when the
    lock is lost; `lost` tells it afterwards.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        held: Held,
        *,
        every_s: float = RENEW_S,
        on_lost: Callable[[DriverReplaced], None] | None = None,
    ) -> None:
        self.lost: DriverReplaced | None = None
        self._connect = connect
        self._held = held
        self._every_s = every_s
        self._on_lost = on_lost
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat of {held.lock}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                with contextlib.closing(self._connect()) as connection:
                    self._renew_on(connection)
                    return
            except DriverReplaced as error:
                self.lost = error
                if self._on_lost is not None:
                    self._on_lost(error)
                return
            except (DatabaseUnreachable, psycopg.Error) as error:
                # Whether it is lost only the database can say: it may be back before the limit is over.
                logger.warning("the heartbeat of the lock %s failed: %s", self._held.lock, error)
                self._ends.wait(min(1.0, self._every_s))

    def _renew_on(self, connection: Connection) -> None:
        while True:
            renew(connection, self._held)
            if self._ends.wait(self._every_s):
                return


def machine() -> str:
    """Where process ids can be compared: one boot of one kernel, one name space of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()} {psutil.boot_time():.0f}"


def _is_gone(owner: Owner) -> bool:
    """Whether the owner's process is seen to be gone from here."""
    if owner.machine != machine() or owner.pid is None:
        return False
    try:
        os.kill(owner.pid, 0)  # signals nothing; where processes of others are hidden, it still tells that there is one
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    try:
        return _began(owner.pid) != owner.started or psutil.Process(owner.pid).status() == psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _began(pid: int) -> float:
    """When a process began, in its machine's own unit: the same as long as it lives, and another for who has its id
    later. Linux counts from boot, so that a clock that is set does not change it."""
    if Path("/proc/self/stat").exists():
        after_the_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return float(after_the_name.split()[19])
    return psutil.Process(pid).create_time()


def _named(held: Held) -> dict[str, object]:
    return {"lock": held.lock, "owner": held.owner, "epoch": held.epoch}
