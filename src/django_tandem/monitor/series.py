"""Series: what charts, tables and alarms read of the samples. Servers of one role on one host are one line, whatever
releases came and went there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from django_tandem.monitor import facts as of_facts
from django_tandem.monitor.statements import statement
from django_tandem.queue.options import queue_database

# How long each resolution is kept, by its seconds.
KEPT = {5: timedelta(hours=3), 60: timedelta(days=7), 3600: timedelta(days=400)}

# The stretches of time that people look at, and with which resolution: some two hundred points each.
SPANS = {
    "15m": (timedelta(minutes=15), 5),
    "3h": (timedelta(hours=3), 60),
    "24h": (timedelta(hours=24), 60),
    "30d": (timedelta(days=30), 3600),
}

# A sample that is older says nothing of now.
FRESH = timedelta(seconds=20)

# Over which what comes and goes is counted, so that figures can be read and do not jump.
MINUTE = timedelta(seconds=65)

FLEET = ("fleet", "")


class Point(NamedTuple):
    """What was at a time. `facts`: see facts.py; `releases`: of the servers that it is about."""

    at: datetime
    facts: Mapping[str, Any]
    releases: tuple[str, ...]


class Minute(NamedTuple):
    """What a line does: its newest point, all that its samples of the last minute say, and how many seconds those
    cover."""

    newest: Point
    facts: Mapping[str, Any]
    seconds: float


def series(span: str) -> dict[tuple[str, str], list[Point]]:
    """The points of a span (a key of SPANS) by role and host, and under FLEET what all share; oldest first.

    Raises KeyError for another span.
    """
    length, resolution = SPANS[span]
    return _by_line(_rows("since", {"resolution": resolution, "length": length}))


def latest() -> dict[tuple[str, str], Point]:
    """The newest sample of each role and host that is fresh, and under FLEET what all share."""
    return {line: points[-1] for line, points in _by_line(_rows("since", {"resolution": 5, "length": FRESH})).items()}


def minute(now: datetime) -> dict[tuple[str, str], Minute]:
    """Of each role and host that has a fresh sample, and under FLEET of what all share: how it is, and the last
    minute. `now`: by the database's clock."""
    found = _by_line(_rows("since", {"resolution": 5, "length": MINUTE}))
    return {
        line: Minute(points[-1], of_facts.merge(point.facts for point in points), 5.0 * len(points))
        for line, points in found.items()
        if points[-1].at > now - FRESH
    }


def _by_line(rows: list[tuple[Any, ...]]) -> dict[tuple[str, str], list[Point]]:
    found: dict[tuple[str, str], dict[datetime, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for at, server, role, host, release, facts in rows:
        found[FLEET if server == 0 else (role, host)][at].append((release, facts))
    return {
        line: [
            Point(at, of_facts.merge(json.loads(facts) for _, facts in there), tuple(release for release, _ in there))
            for at, there in sorted(times.items())
        ]
        for line, times in sorted(found.items())
    }


def _rows(name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement("series", name), parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
