"""Roll up: rows of five seconds become rows of a minute, those become rows of an hour, and what is old is forgotten.

Whoever wrote the fleet's row does it, one at a time. A row that is made again of the same rows is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from psycopg.types.json import Jsonb

from django_tandem.monitor import audit
from django_tandem.monitor.facts import merge
from django_tandem.monitor.series import KEPT
from django_tandem.monitor.statements import statement
from django_tandem.monitor.sums import bounded
from django_tandem.queue.connect import Connection

LOCK = 0x7A4E_DE20_11ED

# Finer and coarser, in seconds.
STEPS = ((5, 60), (60, 3600))

# How long after its end a row is made: a server may be that late. So often it is looked for what is due.
GRACE_S = 20

# In one turn: after a pause it takes several.
MOST_MADE = 10
MOST_FORGOTTEN = 1000

# Who comes later than this is left out: the finer rows of others may be gone by then.
LATEST = KEPT[5] - timedelta(hours=1)

AUDIT_KEPT = timedelta(days=400)


def turn(connection: Connection) -> None:
    """Make what is due, and forget what is old; nothing where another session is at it."""
    with connection.transaction():
        (mine,) = connection.execute(statement("rollup", "lock"), {"lock": LOCK}).fetchone() or (False,)
        if not mine:
            return
        for fine, coarse in STEPS:
            made = _make_due(connection, fine, coarse)
            if made == MOST_MADE:
                break  # coarser ones would miss what is not made yet
            if made and coarse == STEPS[-1][1]:
                audit.forget(connection, AUDIT_KEPT)
        _forget(connection)


def again(connection: Connection, slots: Iterable[int], now: int) -> None:
    """Rows came late, for these slots: make again what was made without them. Seconds since 1970."""
    late = {at for at in slots if now - at < LATEST.total_seconds()}
    with connection.transaction():
        connection.execute(statement("rollup", "lock_waiting"), {"lock": LOCK})
        for fine, coarse in STEPS:
            (newest,) = connection.execute(statement("rollup", "newest"), {"coarse": coarse}).fetchone() or (None,)
            late = {at - at % coarse for at in late}
            for at in sorted(late):
                if newest is not None and at <= newest:
                    _make(connection, fine, coarse, at)


def _make_due(connection: Connection, fine: int, coarse: int) -> int:
    """How many were made, at most MOST_MADE."""
    asked = {"fine": fine, "coarse": coarse, "grace": GRACE_S}
    for made in range(MOST_MADE):
        at, is_over = connection.execute(statement("rollup", "next"), asked).fetchone() or (None, False)
        if at is None or not is_over:
            return made
        _make(connection, fine, coarse, at)
    return MOST_MADE


def _make(connection: Connection, fine: int, coarse: int, at: int) -> None:
    when = {"fine": fine, "coarse": coarse, "at": at}
    rows = connection.execute(statement("rollup", "finer"), when).fetchall()
    for server, found in groupby(rows, key=itemgetter(0)):
        of_server = list(found)
        _, role, host, release, _ = of_server[-1]
        facts: dict[str, Any] = bounded(merge(row[-1] for row in of_server))
        row = {**when, "server": server, "role": role, "host": host, "release": release, "facts": Jsonb(facts)}
        connection.execute(statement("rollup", "write"), {name: row[name] for name in row if name != "fine"})


def _forget(connection: Connection) -> None:
    coarser = dict(STEPS)
    for resolution, kept in KEPT.items():
        old = {"fine": resolution, "coarse": coarser.get(resolution), "kept": kept, "count": MOST_FORGOTTEN}
        connection.execute(statement("rollup", "forget"), old)
