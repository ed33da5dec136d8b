"""Charts: what is drawn, its summary in words, and a table of the same numbers. Drawn by static/charts.js."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.utils import timezone

from django_tandem.monitor.dashboard.shown import UNITS, number, seconds
from django_tandem.monitor.moves import Move
from django_tandem.monitor.now import Promises
from django_tandem.monitor.steps import Line, Steps, Values

# Rows of a table: each stands for a stretch of the chart, with the highest in it.
ROWS = 12


class Drawn(NamedTuple):
    """A line of a chart. `colour`: the name of a CSS variable; `dash`: the how manieth of its colour it is; `side`: of
    which axis, 0 left or 1 right."""

    label: str
    colour: str
    dash: int
    unit: str
    values: Values
    side: int = 0


class Chart(NamedTuple):
    """`limits`: values with a label, drawn across."""

    id: str
    title: str
    about: str
    lines: list[Drawn]
    limits: list[tuple[float, str]]

    @property
    def data_id(self) -> str:
        """Of the page's element that holds its data."""
        return f"data-{self.id}"

    def data(self) -> dict[str, Any]:
        """What the script draws, as JSON."""
        return {
            "lines": [{**one._asdict(), "values": [_short(value) for value in one.values]} for one in self.lines],
            "limits": [{"at": at, "label": label} for at, label in self.limits],
        }

    def summary(self) -> list[dict[str, Any]]:
        """Of each line what it is now, and the highest."""
        return [
            {
                "label": one.label,
                "colour": one.colour,
                "dash": min(one.dash, 2),
                "now": UNITS[one.unit](next((value for value in reversed(one.values[-3:]) if value is not None), None)),
                "highest": UNITS[one.unit](max((value for value in one.values if value is not None), default=None)),
            }
            for one in self.lines
        ]


def charts(steps: Steps, promises: Promises) -> list[Chart]:
    """In the order in which a person looks; those of which nobody has samples are left out."""
    offices = [line for line in steps.lines if line.kind == "office"]
    workers = [line for line in steps.lines if line.kind == "async"]
    fleet = steps.fleet
    most = next((value for value in reversed(fleet.get("most_connections", [])) if value), None)
    found = [
        Chart(
            "load",
            "Load ÷ cores",
            "Above 1, processes wait for a core.",
            _each(steps.lines, "load", "ratio"),
            [(1.0, "all cores busy")],
        ),
        Chart(
            "pages-p95",
            "95 of 100 pages within",
            "The slowest 5 of 100 took longer.",
            _each(offices, "p95", "seconds"),
            [(promises.page_s, f"promise {seconds(promises.page_s)}")],
        ),
        Chart(
            "requests",
            "Requests a minute",
            "And how many of them ended with a 5xx.",
            [*_each(offices, "pages", "number"), *_each(offices, "errors_5xx", "number", "5xx, ", "bad")],
            [],
        ),
        Chart(
            "finished",
            "Jobs finished a minute",
            "And how many of them failed.",
            [*_each(workers, "successful", "number"), *_each(workers, "failed", "number", "failed, ", "bad")],
            [],
        ),
        Chart(
            "ready",
            "Jobs that are ready",
            "And for how long the oldest of them has been, on the right.",
            [
                Drawn("ready", "accent", 0, "number", fleet.get("ready", []), 0),
                Drawn("oldest", "warn", 1, "seconds", fleet.get("oldest_s", []), 1),
            ],
            [],
        ),
        Chart(
            "database",
            "Database connections",
            "And how many of their sessions wait for a lock.",
            [
                Drawn("connections", "accent", 0, "number", fleet.get("connections", []), 0),
                Drawn("waiting", "bad", 1, "number", fleet.get("waiting", []), 0),
            ],
            [(most, f"at most {number(most)}")] if most else [],
        ),
    ]
    return [chart for chart in found if any(value is not None for one in chart.lines for value in one.values)]


def frame(steps: Steps, moves: Iterable[Move]) -> dict[str, Any]:
    """What all charts share: the steps of time, and the marks."""
    return {
        "start": steps.start.timestamp(),
        "step": steps.step_s,
        "count": steps.count,
        "marks": [{"at": round(one.at.timestamp(), 1), "label": one.label} for one in moves],
    }


def table(chart: Chart, steps: Steps) -> list[tuple[Any, list[str]]]:
    """Rows of a chart's numbers, newest first: when a stretch begins, and of each line the highest in it."""
    length = max(1, -(-steps.count // ROWS))
    rows = []
    for first in range(0, steps.count, length):
        cells = []
        for one in chart.lines:
            known = [value for value in one.values[first : first + length] if value is not None]
            cells.append(UNITS[one.unit](max(known, default=None)))
        rows.append((timezone.localtime(steps.at(first)), cells))
    return rows[::-1]


def stretch(steps: Steps) -> str:
    """How long a row of the tables is."""
    return seconds(float(steps.step_s * max(1, -(-steps.count // ROWS))))


def _each(lines: list[Line], name: str, unit: str, before: str = "", colour: str = "") -> list[Drawn]:
    """A line of every server; of those that have the same colour each is drawn otherwise."""
    drawn: list[Drawn] = []
    for line in lines:
        mine = colour or line.kind or "accent"
        used = sum(one.colour == mine for one in drawn)
        dash = used + (1 if colour or line.kind == "async" else 0)
        drawn.append(Drawn(f"{before}{line.name}", mine, dash, unit, line.values[name]))
    return drawn


def _short(value: float | None) -> float | None:
    """With the digits that a chart can show."""
    if value is None or value == 0 or value >= 1000:
        return value if value is None else round(value)
    return round(value, 3)
