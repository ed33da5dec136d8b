"""Steps: samples of a span in some two hundred steps of equal length, as charts draw them and comparisons read them.

The database adds up what it can: a day's samples hold some megabytes, of which a chart needs a few numbers. What is
past does not change any more, and who looks asks again every five seconds: each process keeps it for a while.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from django.db import connections

from django_tandem.monitor import histogram
from django_tandem.monitor.moves import CAME, Move
from django_tandem.monitor.now import Kind, kind, title
from django_tandem.monitor.series import SPANS
from django_tandem.monitor.statements import statement
from django_tandem.queue.options import queue_database

# Seconds of a step, by span. The database cuts time into steps from here on.
STEP_S = {"15m": 5, "3h": 60, "24h": 360, "30d": 10_800}
ORIGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)

# After so many steps, and seconds, no sample is expected any more. What comes still later is seen when all is read
# anew.
LATE_STEPS, LATE_S = 2, 150
ANEW = timedelta(minutes=5)

Values = list[float | None]

# What a line has of servers, and of what all share. Counts are those of a minute, times seconds.
OF_SERVERS = ("load", "pages", "errors_5xx", "p95", "successful", "failed")
OF_FLEET = ("ready", "oldest_s", "connections", "waiting", "most_connections")


class Line(NamedTuple):
    """A role on a host, and its values by name, one a step; None where there are no samples."""

    role: str
    host: str
    kind: Kind
    values: Mapping[str, Values]
    histograms: list[list[histogram.Histogram]]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{title(self.role, self.kind)} on {self.host}"


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A span. `start`: of its first step; `fleet`: what all share; `seen`: releases by step."""

    start: datetime
    step_s: int
    count: int
    lines: list[Line] = field(default_factory=list)
    fleet: Mapping[str, Values] = field(default_factory=dict)
    seen: list[tuple[datetime, set[str]]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nobody wrote samples."""
        return not self.seen and not self.fleet

    def at(self, index: int) -> datetime:
        """When a step begins."""
        return self.start + timedelta(seconds=self.step_s * index)

    def index(self, at: datetime) -> int:
        """The step of a time."""
        return int((at - self.start).total_seconds() // self.step_s)

    def came(self) -> Iterator[Move]:
        """Servers of which the first samples are not from the beginning."""
        for line in self.lines:
            first = next((number for number in range(self.count) if _any(line, number)), 0)
            if first > 1 and self.seen and self.at(first) > self.seen[0][0]:
                yield Move(self.at(first), title(line.role, line.kind), f"{line.name}{CAME}")


def steps(span: str, now: datetime) -> Steps:
    """Of a span, a key of series.SPANS, that ends at `now` by the database's clock. Raises KeyError."""
    length, resolution = SPANS[span]
    step_s = STEP_S[span]
    count = int(length.total_seconds()) // step_s
    last = ORIGIN + (now - ORIGIN) // timedelta(seconds=step_s) * timedelta(seconds=step_s)
    start = last - timedelta(seconds=step_s * (count - 1))
    made = Steps(start=start, step_s=step_s, count=count)
    read = _Read(span, timedelta(seconds=step_s), resolution, start, now)
    of_fleet = _fleet(made, read.rows("fleet"))
    lines, seen = _lines(made, read.rows("servers"))
    return Steps(start=start, step_s=step_s, count=count, lines=lines, fleet=of_fleet, seen=seen)


def forget() -> None:
    """Read everything anew."""
    _kept.clear()


class _Kept(NamedTuple):
    """Rows of steps before `until`, read at the earliest at `since`."""

    since: datetime
    until: datetime
    rows: list[tuple[Any, ...]]


# By database, statement and span.
_kept: dict[tuple[str, str, str], _Kept] = {}


class _Read(NamedTuple):
    """What is read of a span."""

    span: str
    step: timedelta
    resolution: int
    start: datetime
    now: datetime

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """Of the statement `name`: those that were kept, and those that came since. The first value is the step."""
        key = (queue_database(), name, self.span)
        kept = _kept.get(key)
        if kept is None or not kept.since <= self.now < kept.since + ANEW:
            kept = _Kept(self.now, self.start, [])
        since = max(self.start, kept.until)
        rows = [row for row in kept.rows if row[0] >= self.start] + self._fresh(name, since)
        past = self.now - max(LATE_STEPS * self.step, timedelta(seconds=LATE_S), timedelta(seconds=2 * self.resolution))
        until = ORIGIN + (past - ORIGIN) // self.step * self.step
        _kept[key] = _Kept(kept.since, max(since, until), [row for row in rows if row[0] < max(since, until)])
        return rows

    def _fresh(self, name: str, since: datetime) -> list[tuple[Any, ...]]:
        query = statement("overview", "servers") if name == "servers" else statement("overview", "fleet")
        with connections[queue_database()].cursor() as cursor:
            cursor.execute(query, {"step": self.step, "resolution": self.resolution, "since": since})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [_added_up(row) for row in rows] if name == "servers" else rows


def _added_up(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """With one histogram instead of many."""
    *rest, texts = row
    if texts is None:
        return row
    total = histogram.empty()
    for one in json.loads(texts):
        histogram.add(total, one)
    return (*rest, total)


def _lines(made: Steps, rows: list[tuple[Any, ...]]) -> tuple[list[Line], list[tuple[datetime, set[str]]]]:
    found: dict[tuple[str, str], Line] = {}
    seen: dict[datetime, set[str]] = {}
    for at, role, host, releases, covered, load, pages, errors_5xx, successful, failed, seconds in rows:
        index = made.index(at)
        if not 0 <= index < made.count:
            continue
        seen.setdefault(at, set()).update(releases)
        line = found.get((role, host))
        if line is None or not line.kind:
            facts = {"pages": 0} if pages is not None else {"tasks": 0} if successful is not None else {}
            line = found[role, host] = _line(made, role, host, kind(role, facts), line)
        values = line.values
        values["load"][index] = load
        for name, total in (
            ("pages", pages),
            ("errors_5xx", errors_5xx),
            ("successful", successful),
            ("failed", failed),
        ):
            values[name][index] = None if total is None else float(total) * 60 / covered
        if seconds is not None:
            line.histograms[index] = [seconds]
            values["p95"][index] = p95([seconds])
    return [found[key] for key in sorted(found, key=_office_first(found))], sorted(seen.items())


def _office_first(found: Mapping[tuple[str, str], Line]) -> Any:
    return lambda key: (found[key].kind != "office", key)


def _line(made: Steps, role: str, host: str, of_kind: Kind, before: Line | None) -> Line:
    if before is not None:
        return before._replace(kind=of_kind)
    values: dict[str, Values] = {name: [None] * made.count for name in OF_SERVERS}
    return Line(role, host, of_kind, values, [[] for _ in range(made.count)])


def _fleet(made: Steps, rows: list[tuple[Any, ...]]) -> dict[str, Values]:
    if not rows:
        return {}
    values: dict[str, Values] = {name: [None] * made.count for name in OF_FLEET}
    for at, *found in rows:
        index = made.index(at)
        if 0 <= index < made.count:
            for name, value in zip(OF_FLEET, found, strict=True):
                values[name][index] = None if value is None else float(value)
    return values


def p95(histograms: list[histogram.Histogram]) -> float | None:
    """Seconds within which 95 of 100 of all that these count fell."""
    if len(histograms) == 1:
        return histogram.quantile(histograms[0], 0.95)
    total = histogram.empty()
    for one in histograms:
        histogram.add(total, one)
    return histogram.quantile(total, 0.95)


def _any(line: Line, number: int) -> bool:
    return any(values[number] is not None for values in line.values.values())
