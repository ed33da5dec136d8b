"""Store: the rows of one server, a row for every five seconds by the database's clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Any

from psycopg.types.json import Jsonb

from django_tandem.monitor.facts import merge
from django_tandem.monitor.statements import statement
from django_tandem.queue.connect import Connection, connect
from django_tandem.serve.identity import Identity

SLOT_S = 5

# How many rows wait for a database that is gone; beyond that the oldest two become one.
MOST_WAITING = 120

# A statement of the monitor's that takes longer is given up.
TIMEOUT = "30s"

_OWN = (
    # What is lost in a crash of the database is a few seconds of samples: nobody waits for the disk.
    "SET synchronous_commit = off",
    f"SET statement_timeout = '{TIMEOUT}'",
    "SET lock_timeout = '2s'",
    # To count a whole table is no question of an index, and not worth a second process.
    "SET plan_cache_mode = auto",
    "SET enable_seqscan = on",
    "SET enable_sort = on",
    "SET max_parallel_workers_per_gather = 0",
)


@dataclass
class Waiting:
    """A sample that is not written. `taken`: monotonic seconds. `at`: the slot that it was to be in when it was last
    tried, seconds since 1970; whether it got there is not known."""

    taken: float
    facts: dict[str, Any]
    at: int | None = None


class Store:
    """Keeps samples until they are written. `offset`: what the database's clock is ahead of the monotonic one."""

    def __init__(self, alias: str, identity: Identity) -> None:
        self._alias = alias
        self._identity = identity
        self._connection: Connection | None = None
        self._waiting: deque[Waiting] = deque()
        self.offset: float | None = None

    def connected(self) -> Connection:
        """The connection. Raises DatabaseUnreachable, psycopg.Error."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._alias, purpose=f"sampler {self._identity.id}")
            for one in _OWN:
                self._connection.execute(one.encode())
            ((now,),) = self._connection.execute(statement("sample", "clock"))
            self.offset = now - monotonic()
        return self._connection

    def disconnect(self) -> None:
        """Connect anew next time."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def slot(self, taken: float) -> int:
        """The slot of what was taken at a monotonic time: when it begins, seconds since 1970."""
        return int((taken + (self.offset or 0.0)) // SLOT_S) * SLOT_S

    def keep(self, facts: dict[str, Any]) -> None:
        """A sample of the last seconds, to be written."""
        self._waiting.append(Waiting(monotonic(), facts))
        if len(self._waiting) > MOST_WAITING:
            first, second = self._waiting.popleft(), self._waiting.popleft()
            self._waiting.appendleft(Waiting(first.taken, merge([first.facts, second.facts]), first.at))

    def write(self) -> list[int]:
        """Write all that waits; the slots. Raises DatabaseUnreachable, psycopg.Error; what was not written waits on."""
        connection, slots = self.connected(), []
        while self._waiting:
            slots.append(self._write(connection, self._waiting[0]))
            self._waiting.popleft()
        return slots

    def _write(self, connection: Connection, waiting: Waiting) -> int:
        tried = waiting.at is not None
        at = waiting.at = self.slot(waiting.taken) if waiting.at is None else waiting.at
        identity = self._identity
        row = {
            "at": at,
            "server": identity.id,
            "role": identity.role,
            "host": identity.host,
            "release": identity.release,
        }
        written = connection.execute(statement("sample", "write"), {**row, "facts": Jsonb(waiting.facts)}).fetchone()
        if written is not None:
            self.offset = written[0] - monotonic()
        elif not tried:  # else it did get there, and only the answer was lost
            with connection.transaction():
                ((there,),) = connection.execute(statement("sample", "there"), row)
                both = merge([there, waiting.facts])
                connection.execute(statement("sample", "rewrite"), {**row, "facts": Jsonb(both)})
        return at
