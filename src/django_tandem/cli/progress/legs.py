"""The legs of a fork side by side: how far each is, and how long each step of it took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from django_tandem.cli.timeline import took

if TYPE_CHECKING:
    from django_tandem.pipeline.driving import Event

Name = tuple[str, str]

# What a leg comes to, by the step that brings it there.
FORTH: Mapping[Name, str] = {
    ("fork", "prepare"): "standing by",
    ("fork", "switch"): "active",
    ("fork", "drain"): "old one drained",
    ("verify", "verify"): "verified",
}
BACK: Mapping[Name, str] = {
    ("return", "switch"): "back: active",
    ("return", "drain"): "back: new one ended",
}
NARROWEST = 34
TURN_S = 0.12
LABEL = 20


@dataclass
class _Part:
    """`state`: todo, now, ended or failed; `since`: when it began, by this process's clock."""

    state: str = "todo"
    since: float = 0.0
    told: str = ""


class Legs:
    """Hears of events, and can be drawn at any time."""

    def __init__(self, spin: Spin) -> None:
        self._parts: dict[str, dict[Name, _Part]] = {}
        self._spin = spin

    @property
    def known(self) -> bool:
        """Whether there are any."""
        return bool(self._parts)

    def hear(self, event: Event) -> None:
        """Take in what happened."""
        for leg in event.detail.get("legs", ()):
            self._parts.setdefault(leg, {step: _Part() for step in FORTH})
        step: Name = (event.step.stage, event.step.name)
        if step not in FORTH and step not in BACK:
            return
        concerned = [event.leg] if event.leg else list(self._parts)
        for leg in concerned:
            part = self._parts.setdefault(leg, {}).setdefault(step, _Part())
            _take(part, event, leg)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        abreast = max(1, min(len(self._parts), (options.max_width - 4) // NARROWEST))
        table = Table.grid(padding=(0, 4, 0, 0), expand=False)
        table.add_column(width=0)
        for _ in range(abreast):
            table.add_column(min_width=NARROWEST - 4)
        columns = [self._column(leg, parts) for leg, parts in self._parts.items()]
        for first in range(0, len(columns), abreast):
            table.add_row("", *columns[first : first + abreast])
            if first + abreast < len(columns):
                table.add_row("")
        yield table

    def _column(self, leg: str, parts: Mapping[Name, _Part]) -> Table:
        column = Table.grid(padding=(0, 1))
        column.add_column(width=1)
        column.add_column(width=LABEL)
        column.add_column(justify="right", min_width=8)
        column.add_row("", Text(leg, style="bold", overflow="ellipsis"), "")
        for step, part in parts.items():
            mark, style = {"ended": ("✓", "green"), "failed": ("✗", "red"), "todo": ("·", "dim")}.get(
                part.state, (self._spin(), "cyan")
            )
            running = part.state == "now"
            told = took(time.monotonic() - part.since) if running else part.told
            words = escape({**FORTH, **BACK}[step])
            column.add_row(f"[{style}]{mark}[/]", f"[dim]{words}[/]" if part.state == "todo" else words, told)
        return column


class Spin:
    """A letter that turns."""

    def __init__(self, letters: str) -> None:
        self._letters = letters

    def __call__(self) -> str:
        return self._letters[int(time.monotonic() / TURN_S) % len(self._letters)]


def _take(part: _Part, event: Event, leg: str) -> None:
    detail = event.detail
    if event.what == "began":
        if part.state != "now":
            part.state, part.since = "now", time.monotonic()
    elif event.what == "told":
        if "active_ms" in detail:
            part.state, part.told = "ended", f"{detail['active_ms']:.0f} ms"
    elif event.what == "ended":
        if event.leg and event.step.name == "switch":
            return  # it stands by again; the row has still to move
        if event.leg:
            part.told = took(detail.get("seconds"))
        pages = [page["p95_ms"] for name, page in detail.get("pages", {}).items() if name.startswith(f"{leg} ")]
        if pages:
            part.told = f"p95 {max(pages):.0f} ms"
        part.state = "ended"
    elif part.state == "now":
        at_fault = event.leg or not _names_a_leg(event) or str(detail["text"]).startswith(f"{leg}:")
        part.state, part.told = ("failed", "") if at_fault else ("todo", "")


def _names_a_leg(event: Event) -> bool:
    return " on " in str(event.detail.get("text", "")).partition(":")[0]
