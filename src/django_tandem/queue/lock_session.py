"""The session that a named lock lives in: a connection of its own, which takes it, holds it, and frees it by ending.

An advisory lock of a session is freed by PostgreSQL in the moment in which its holder dies, so there is no lease that
must be renewed, and none that must run out before the next may go on.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus

from django_tandem.errors import ConfigurationError, DatabaseUnreachable, LockLost, LockTaken
from django_tandem.queue.connect import Connection, address, connect, shut_down
from django_tandem.queue.lock_holders import PURPOSE, key_of, label, named
from django_tandem.queue.statements import statement

# A statement that waits holds a snapshot, which keeps vacuum from cleaning and CREATE INDEX CONCURRENTLY from ending.
# So nobody waits longer than this in one statement.
TURN_S = 2.0

# How soon a thread that waits hears of its interruption.
LOOK_S = 0.05

_SESSION = statement("lock", "session")
_TRY = statement("lock", "try")
_AT_MOST = statement("lock", "at_most")
_WAIT = statement("lock", "wait")
_CHECK = statement("lock", "check")
_RELEASE = statement("lock", "release")
_HOLDERS = statement("lock", "holders")

_LOCK_NOT_AVAILABLE = b"55P03"


class LockSession:
    """One lock, wanted or held. `since` is when it was taken, by the database's clock."""

    since: datetime

    def __init__(self, database: str, name: str) -> None:
        self.name = name
        self._database = database
        self._key = {"key": key_of(name)}
        self._connection: Connection | None = None
        self._process = os.getpid()
        # Between the thread that takes the lock and one that gives that up.
        self._ending = threading.Lock()
        self._is_held = self._is_abandoned = False

    def take(self, wait: float | None) -> None:
        """Take the lock, waiting at most `wait` seconds (None: as long as it takes). Raises LockTaken,
        DatabaseUnreachable, and ConfigurationError where a pooler is between."""
        began = time.monotonic()
        try:
            self._connect()
            asked = self._try()
            self._wait(wait, began, asked)
        except psycopg.Error as error:
            self.close()
            raise DatabaseUnreachable(
                f"lock {self.name}: the database {address(self._database)} failed: {' '.join(str(error).split())}"
            ) from error
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Ask the database. Raises LockLost when the session has ended, and the lock with it."""
        if self._is_elsewhere or not self._ask(_CHECK, label=label(self.name, held=self.since)):
            raise LockLost(f"lock {self.name} is lost: the connection that held it has ended; another may hold it")

    def release(self) -> None:
        """Free the lock. Raises LockLost when it was lost before."""
        if self._is_elsewhere:  # after a fork it is its parent's to free
            return
        was_held = self._ask(_RELEASE, **self._key)
        self.close()
        if not was_held:
            raise LockLost(f"lock {self.name} was lost before its block ended: another may have held it meanwhile")

    def abandon(self) -> None:
        """Give up from another thread: the one that takes the lock stops waiting, and what it took is free."""
        with self._ending:
            self._is_abandoned = True
            if self._connection is not None:
                shut_down(self._connection)
                if self._is_held:
                    self._connection.close()

    def close(self) -> None:
        """End the session."""
        with self._ending:
            if self._connection is not None and not self._is_elsewhere:
                self._connection.close()

    # How it is done

    @property
    def _is_elsewhere(self) -> bool:
        return self._process != os.getpid()

    def _connect(self) -> None:
        shown = "".join(sign if sign.isprintable() else "?" for sign in self.name[:63])
        connection = connect(self._database, purpose=f"{PURPOSE} {shown}")
        with self._ending:
            self._connection = connection
            _sessions.add(self)
            self._heed_abandon()
        answer = connection.execute(_SESSION).fetchone() or (None,)
        if answer[-1] != connection.info.backend_pid:
            problem = (
                f"DATABASES[{self._database!r}] is answered by a pooler such as PgBouncer, which may give each "
                "statement another session; expected PostgreSQL itself, for a lock lives in one session"
            )
            raise ConfigurationError([problem])

    def _try(self) -> datetime:
        """Take it if it is free. Returns the time."""
        is_taken, at, _ = self._execute(_TRY, **self._key, label=label(self.name)).fetchone() or (False, 0.0, "")
        self._hold(is_taken, at)
        return _time(at)

    def _wait(self, wait: float | None, began: float, asked: datetime) -> None:
        while not self._is_held:
            left = TURN_S if wait is None else wait - (time.monotonic() - began)
            if left <= 0:
                raise LockTaken(self._taken(wait))
            milliseconds = max(1, round(min(left, TURN_S) * 1000))  # 0 would be without end
            self._execute(_AT_MOST, milliseconds=str(milliseconds))
            self._wait_a_turn(asked)

    def _wait_a_turn(self, asked: datetime) -> None:
        """Wait in the server, so that the lock comes in the moment it is free; but look up often enough that an
        exception that was sent to this thread arrives."""
        assert self._connection is not None  # noqa: S101 - for types
        pgconn, cursor = self._connection.pgconn, psycopg.ClientCursor(self._connection)
        query = cursor.mogrify(_WAIT, {**self._key, "label": label(self.name, asked=asked)})
        pgconn.send_query(query.encode())
        answers = select.poll()
        answers.register(pgconn.socket, select.POLLIN)
        result = None
        while True:
            while pgconn.is_busy():
                answers.poll(LOOK_S * 1000)
                pgconn.consume_input()
            if (following := pgconn.get_result()) is None:
                break
            result = following
        if result is not None and result.status == ExecStatus.TUPLES_OK:
            self._hold(True, float(result.get_value(0, 0) or 0))
        elif result is None or result.error_field(DiagnosticField.SQLSTATE) != _LOCK_NOT_AVAILABLE:
            raise psycopg.OperationalError(pgconn.get_error_message())

    def _hold(self, is_taken: bool, at: float) -> None:
        with self._ending:
            self._heed_abandon()
            self._is_held, self.since = is_taken, _time(at)

    def _heed_abandon(self) -> None:
        if self._is_abandoned:
            raise DatabaseUnreachable(f"lock {self.name} was given up")

    def _taken(self, wait: float | None) -> str:
        rows = self._execute(_HOLDERS, **self._key).fetchall()
        holder = next((one.holder for one in named(rows)), None)
        waited = f", and was so for {wait:g} s" if wait else ""
        return f"lock {self.name} is taken{waited}" + (f": {holder}" if holder else "")

    def _ask(self, statement: bytes, **parameters: Any) -> bool:
        """Whether the statement says yes; no: the session has ended."""
        try:
            return (self._execute(statement, **parameters).fetchone() or (False,))[0] is True
        except psycopg.Error:
            return False

    def _execute(self, statement: bytes, **parameters: Any) -> psycopg.ClientCursor[tuple[Any, ...]]:
        """With the values joined into the text, where `holders` reads the label."""
        assert self._connection is not None  # noqa: S101 - for types
        return psycopg.ClientCursor(self._connection).execute(statement, parameters)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)


# Those with a connection, for what a fork does to them.
_sessions: weakref.WeakSet[LockSession] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """A forked child has its parent's sockets; open there, they would keep the locks of a parent that was killed."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for session in list(_sessions):
        with suppress(psycopg.Error, OSError):  # it is closed
            if session._connection is not None:
                os.dup2(nothing, session._connection.fileno(), inheritable=False)
    os.close(nothing)
    _sessions.clear()


os.register_at_fork(after_in_child=_let_go_in_child)
