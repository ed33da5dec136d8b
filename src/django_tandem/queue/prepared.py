"""A statement on Django's own connection, so that it joins the open transaction; prepared once where that is safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connections
from psycopg.rows import tuple_row

# As psycopg's own default: a statement that comes so often on one connection is worth preparing.
PREPARE_AFTER = 5


def execute(database: str, statement: bytes, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """Run `statement` on Django's connection to `database` and return its first row. Raises Django's database errors.

    Django's cursor joins values into the text, so that the server plans the statement anew each time; this one binds
    them. Where somebody looks at queries (DEBUG, execute_wrapper, assertNumQueries) Django's own cursor runs it.
    """
    wrapper: Any = connections[database]
    if wrapper.queries_logged or wrapper.execute_wrappers:
        with wrapper.cursor() as cursor:
            cursor.execute(statement, parameters)
            return tuple(cursor.fetchone() or ())
    wrapper.validate_thread_sharing()
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()
    wrapper.validate_no_broken_transaction()
    with wrapper.wrap_database_errors:
        return _binder(wrapper).execute(statement, parameters)


def _binder(wrapper: Any) -> _Binder:
    found = _binders.get(wrapper)
    if found is None or found.cursor.connection is not wrapper.connection:
        found = _binders[wrapper] = _Binder(psycopg.Cursor(wrapper.connection, row_factory=tuple_row))
    return found


@dataclass
class _Binder:
    """Binds values to statements on one connection, and prepares them from PREPARE_AFTER on."""

    cursor: psycopg.Cursor[tuple[Any, ...]]
    times: int = 0
    pooled: bool = False

    def execute(self, statement: bytes, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        connection = self.cursor.connection
        self.times += 1
        if self.times == PREPARE_AFTER:
            self.pooled = self._is_pooled()
        if self.times < PREPARE_AFTER or self.pooled:
            return self.cursor.execute(statement, parameters).fetchone() or ()
        before, connection.prepare_threshold = connection.prepare_threshold, 0
        try:
            return self.cursor.execute(statement, parameters).fetchone() or ()
        finally:
            connection.prepare_threshold = before

    def _is_pooled(self) -> bool:
        """Whether a pooler such as PgBouncer is between: it tells a process id of its own, and may give every
        transaction another session, in which a prepared statement is missing."""
        (pid,) = self.cursor.execute("SELECT pg_backend_pid()").fetchone() or (None,)
        return bool(pid != self.cursor.connection.info.backend_pid)


# By Django's wrapper, which belongs to one thread.
_binders: WeakKeyDictionary[Any, _Binder] = WeakKeyDictionary()
