"""The demo's live table: a row a phase, a bar for the one that runs; whole rows, one by one, where nobody watches."""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.load import Answer

# Asking the database costs what is measured: twice a second is live enough.
ASK_EVERY_S = 0.5

# What the tasks of the flood leave behind, counted where it stands: the monolith keeps no record of its tasks.
WORK_DONE = """
    SELECT (SELECT count(*) FROM borrowers_borrower WHERE scored_at >= %(since)s)
         + (SELECT count(*) FROM bureau_report WHERE asked_at >= %(since)s)
         + (SELECT count(*) FROM contracts_contract WHERE made_at >= %(since)s)
         + (SELECT count(*) FROM notices_notice WHERE sent_at >= %(since)s)
"""
# A payment that still waits counts with its wait until now.
URGENT_MS = """
    SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
        ORDER BY 1000 * extract(epoch FROM coalesce(posted_at, clock_timestamp()) - taken_at)::float8
    ) FROM payments_payment WHERE taken_at >= %(since)s
"""


@dataclass
class Phase:
    """What was seen of one server in one state. `urgent_ms`: p50 and p95 from a payment taken to its posting begun."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    since: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    load: float = 0.0
    done: int = 0
    urgent_ms: list[float] | None = None
    seconds: float = 0.0

    def ms(self, percent: int) -> float:
        """A percentile of the pages' latencies, in ms."""
        waits = [answer.ms for answer in self.answers]
        if len(waits) < 2:
            return waits[0] if waits else 0.0
        return statistics.quantiles(waits, n=100, method="inclusive")[percent - 1]

    @property
    def errors(self) -> int:
        """Pages that failed, or did not come in time."""
        return sum(answer.is_error or answer.is_timeout for answer in self.answers)


class Scoreboard:
    """Shows phases as they go on. A context: it redraws itself until it is closed."""

    def __init__(self, console: Console, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._console = console
        self._connection = connection
        self._phases: list[Phase] = []
        self._now: Phase | None = None
        self._began = self._asked = 0.0
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(40), TimeRemainingColumn(compact=True))
        self._task = self._bar.add_task("", total=1)
        self._live = Live(console=console, auto_refresh=False, transient=not console.is_terminal)

    def __enter__(self) -> Scoreboard:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the table as it is."""
        if self._console.is_terminal:
            self._live.update(self._table(), refresh=True)
            self._live.stop()

    def draw(self, picture: Path) -> None:
        """Draw the table as an SVG file."""
        paper = Console(record=True, width=108, file=io.StringIO())
        paper.print(self._table())
        picture.write_text(paper.export_svg(title="make demo"), encoding="utf-8")

    def add(self, phase: Phase) -> Phase:
        """A row for `phase`."""
        self._phases.append(phase)
        phase.since = datetime.now(timezone.utc)
        return phase

    def phase(self, name: str) -> Phase:
        """The row of that name."""
        return next(phase for phase in self._phases if phase.name == name)

    @contextmanager
    def during(self, phase: Phase, seconds: float) -> Iterator[None]:
        """`phase` takes `seconds`: its bar moves, its figures are asked for."""
        self._now, self._began, self._asked = phase, time.monotonic(), 0.0
        self._bar.reset(self._task, total=seconds, description=phase.name)
        yield
        self._asked = 0.0
        self.show()
        if not self._console.is_terminal and phase in self._phases:
            self._console.print(self._line(phase), soft_wrap=True)

    def show(self) -> None:
        """Draw what is known now."""
        if self._now is not None and time.monotonic() - self._asked >= ASK_EVERY_S:
            self._ask(self._now)
            self._asked = time.monotonic()
        self._bar.update(self._task, completed=time.monotonic() - self._began)
        if self._console.is_terminal:
            self._live.update(Group(self._table(), self._bar), refresh=True)

    def _ask(self, phase: Phase) -> None:
        parameters = {"since": phase.since}
        phase.load = os.getloadavg()[0]
        phase.seconds = (datetime.now(timezone.utc) - phase.since).total_seconds()
        (phase.done,) = self._connection.execute(WORK_DONE.encode(), parameters).fetchone() or (0,)
        (phase.urgent_ms,) = self._connection.execute(URGENT_MS.encode(), parameters).fetchone() or (None,)

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, title="pages, and the work behind them", title_justify="left")
        table.add_column("")
        for column in ("load", "p50", "p95", "p99", "errors", "work done", "urgent p50", "urgent p95"):
            table.add_column(column, justify="right")
        for phase in self._phases:
            style = {"monolith, flooded": "red", "split, flooded": "green"}.get(phase.name, "")
            table.add_row(phase.name, *self._cells(phase), style=style)
        table.caption = (
            "pages in ms · work done: scores, contracts, bureau answers and letters · "
            "urgent: from a payment taken to its posting"
        )
        return table

    def _cells(self, phase: Phase) -> list[str]:
        pages = [f"{phase.ms(percent):,.0f}" for percent in (50, 95, 99)] if phase.answers else ["", "", ""]
        urgent = [f"{ms:,.0f} ms" for ms in phase.urgent_ms] if phase.urgent_ms else ["", ""]
        return [f"{phase.load:.1f}", *pages, str(phase.errors), f"{phase.done:,}", *urgent]

    def _line(self, phase: Phase) -> str:
        load, p50, p95, p99, errors, done, *urgent = self._cells(phase)
        return (
            f"{phase.name}: pages p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, {errors} errors, load {load}, "
            f"work done {done}, urgent {' and '.join(urgent)} (p50 and p95)"
        )
