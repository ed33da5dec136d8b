"""Alarms: what is wrong with the fleet, opened once it has held for its time, told once, ended once it has been well
for its time.

Any number of processes may look: one at a time does, and what holds since when stands in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import ProgrammingError, connections
from psycopg import errors as postgres

from django_tandem.config.schema import Tandem
from django_tandem.errors import NotMigrated
from django_tandem.monitor import alarm_facts, alarm_rules
from django_tandem.monitor.alarm_rules import KINDS, Finding
from django_tandem.monitor.statements import statement
from django_tandem.pipeline import notices
from django_tandem.queue.connect import Connection
from django_tandem.queue.options import queue_database

logger = logging.getLogger("django_tandem.monitor")

ALARM, OVER = "alarm", "alarm over"

# Whoever looks does so every five seconds; what was not seen for longer was not so without a break.
GAP = timedelta(seconds=20)

KEPT = timedelta(days=90)
MOST_SHOWN = 50
MOST_LISTED = 200

# No look may hold up what else is done beside it.
TIMEOUT = "3s"


class Open(NamedTuple):
    """Something that is wrong now: what, since when, and what to do."""

    kind: str
    subject: str
    text: str
    todo: str
    since: datetime


class Past(NamedTuple):
    """The same of what may be over: `ended_at`, None where it is not."""

    kind: str
    subject: str
    text: str
    todo: str
    since: datetime
    ended_at: datetime | None


def open_now() -> list[Open]:
    """What is wrong now, oldest first, at most MOST_SHOWN. Raises NotMigrated."""
    return [Open(*row) for row in _rows(statement("alarm", "open_now"), MOST_SHOWN)]


def newest() -> list[Past]:
    """What was wrong and is, newest first, at most MOST_LISTED. Raises NotMigrated."""
    return [Past(*row) for row in _rows(statement("alarm", "newest"), MOST_LISTED)]


def look(connection: Connection, tandem: Tandem) -> None:
    """Open what has held long enough, tell of it, end what has been well long enough.

    Does nothing where another looks at this moment, or is to judge. Raises psycopg.Error, TandemError; nothing is
    changed then.
    """
    with connection.transaction():
        (is_alone, _), *_ = connection.execute(statement("alarm", "alone"), {"timeout": TIMEOUT}).fetchall()
        if not is_alone or (facts := alarm_facts.read(connection, tandem)) is None:
            return
        keep(connection, alarm_rules.find(facts), alarm_rules.judged(facts))


def keep(connection: Connection, found: Sequence[Finding], kinds: Sequence[str]) -> None:
    """Write what was found, in the transaction that is open. `kinds`: those of which all was found that there is."""
    connection.execute(statement("alarm", "drop"), {"gap": GAP})
    connection.execute(
        statement("alarm", "see"),
        {
            "kinds": [one.kind for one in found],
            "subjects": [one.subject for one in found],
            "texts": [one.text for one in found],
            "todos": [one.todo for one in found],
        },
    )
    by_name = {(one.kind, one.subject): one for one in found}
    holds = {"kinds": list(KINDS), "holds": [kind.holds for kind in KINDS.values()]}
    for opened, *row in connection.execute(statement("alarm", "open"), holds).fetchall():
        alarm = Open(*row)
        logger.warning("alarm: %s: %s", alarm.text, alarm.todo)
        _tell_opened(connection, opened, alarm, by_name[alarm.kind, alarm.subject])
        connection.execute(statement("alarm", "forget"), {"older_than": KEPT})
    wells = {"kinds": list(kinds), "wells": [KINDS[kind].well for kind in kinds]}
    for ended, *row in connection.execute(statement("alarm", "end"), wells).fetchall():
        alarm = Open(*row)
        logger.info("alarm over: %s", alarm.text)
        facts = {"text": f"over: {alarm.text}", "alarm": _plain(alarm)}
        notices.notify(connection, OVER, facts, key=f"alarm {ended} over")


def _tell_opened(connection: Connection, number: int, alarm: Open, finding: Finding) -> None:
    facts = {"text": f"{alarm.text}; {alarm.todo}", "alarm": _plain(alarm), **finding.more}
    # Who watches the pipeline may see it too, and tells of it under the same key: it is told once.
    event = ALARM if finding.key is None else notices.ORPHAN
    notices.notify(connection, event, facts, key=finding.key or f"alarm {number}")


def _plain(alarm: Open) -> dict[str, Any]:
    return {**alarm._asdict(), "since": alarm.since.isoformat()}


def _rows(query: bytes, most: int) -> list[tuple[Any, ...]]:
    try:
        with connections[queue_database()].cursor() as cursor:
            cursor.execute(query, {"most": most})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
    except ProgrammingError as error:
        if isinstance(error.__cause__, postgres.UndefinedTable | postgres.UndefinedColumn):
            raise NotMigrated("the monitor's tables are missing or old; run: tandem manage migrate") from None
        raise
