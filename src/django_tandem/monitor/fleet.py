"""Fleet: the row of what all servers share, written by the first that comes in each slot."""

from __future__ import annotations

from datetime import datetime, timezone
from time import monotonic
from typing import Any

from psycopg import errors as postgres
from psycopg.types.json import Jsonb

from django_tandem.monitor.statements import statement
from django_tandem.queue import counts, pressure
from django_tandem.queue.connect import Connection

# Of the session that writes it; any number that nothing else has.
LOCK = 0x7A4E_DE3F_1EE7

# To count all jobs reads them all. It is done again after so many times what it took, so that it takes a sixth of a
# percent of one core.
COUNT_PAUSE = 600

COUNTED = ("queues", "counted_at", "counted_s")
SHARED = ("database", *COUNTED, "pressure")


def write(connection: Connection, at: int) -> bool:
    """Write the row of the slot `at`, unless another session does or has; whether it was this one."""
    with connection.transaction():
        (mine,) = connection.execute(statement("fleet", "first"), {"lock": LOCK, "at": at}).fetchone() or (False,)
        if not mine:
            return False
        before, age_s = _latest(connection)
        facts = {
            "database": _database(connection),
            **_queues(connection, before, age_s),
            "pressure": {
                role: {"level": one.level, "why": one.why} for role, one in pressure.standing(connection).items()
            },
        }
        connection.execute(statement("fleet", "write"), {"at": at, "facts": Jsonb(facts)})
    return True


def shared(connection: Connection) -> dict[str, Any]:
    """What the newest of these rows says, and how many alarms are open by kind: what each server's metrics tell too."""
    facts, _ = _latest(connection)
    alarms: dict[str, int] = dict(connection.execute(statement("fleet", "alarms")).fetchall())
    return {**{name: facts[name] for name in SHARED if name in facts}, "alarms": alarms}


def _latest(connection: Connection) -> tuple[dict[str, Any], float | None]:
    found = connection.execute(statement("fleet", "latest")).fetchone()
    return (found[0], found[1]) if found else ({}, None)


def _database(connection: Connection) -> dict[str, Any]:
    ((open_, most, waiting, oldest_s),) = connection.execute(statement("fleet", "database"))
    return {
        "connections": open_,
        "most_connections": most,
        "waiting": waiting,
        "oldest_transaction_s": round(max(0.0, oldest_s), 3),
    }


def _queues(connection: Connection, before: dict[str, Any], age_s: float | None) -> dict[str, Any]:
    """The queues counted, or as they were counted before."""
    kept: dict[str, Any] = {name: before[name] for name in COUNTED if name in before}
    if age_s is not None and age_s < COUNT_PAUSE * before.get("counted_s", 0.0):
        return kept
    began = monotonic()
    try:
        with connection.transaction():
            found = counts.priorities(connection)
            ((now,),) = connection.execute(statement("sample", "clock"))
    except postgres.QueryCanceled:  # it took longer than the monitor may
        return {**kept, "counted_s": round(monotonic() - began, 3)}
    counted_at = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds")
    return {"queues": _by_queue(found), "counted_at": counted_at, "counted_s": round(monotonic() - began, 3)}


def _by_queue(found: list[counts.PriorityCount]) -> dict[str, Any]:
    queues: dict[str, Any] = {}
    for one in found:
        queue = queues.setdefault(one.queue, {**dict.fromkeys(counts.STATES, 0), "oldest_s": None, "priorities": {}})
        for state in counts.STATES:
            queue[state] += getattr(one, state)
        if one.oldest_ready_s is not None:
            oldest_s = round(max(0.0, one.oldest_ready_s), 3)
            queue["oldest_s"] = max(oldest_s, queue["oldest_s"] or 0.0)
            queue["priorities"][str(one.priority)] = {"ready": one.ready, "oldest_s": oldest_s}
    return queues
