"""The fleet as a terminal shows it: what is wrong first, then both servers side by side, then what they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

Facts = Mapping[str, Any]

# A server needs so many columns; two of them stand side by side in 80.
NARROWEST = 38
LABEL = 11
BAR = 10

# Of a screen: rows of each list, and lines of its foot.
MOST_ROWS = 12
MOST_FOOT = 3

# Marks are words too, where somebody sees no colour.
LEVELS = {"bad": ("[red]✗[/]", "red"), "warn": ("[yellow]![/]", "yellow"), "good": ("[green]✓[/]", "green")}
WORDS = {"overloaded": "bold red", "busy": "yellow", "calm": "green"}

NOTHING = "–"


class Screenful:
    """What `monitor.picture` found, on one screen: of what there may be much of as much as fits, and always `foot`."""

    def __init__(self, facts: Facts, foot: str) -> None:
        self._facts = facts
        self._foot = foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        free = options.update(height=None)
        foot = console.render_lines(Text(self._foot, style="dim"), free)[:MOST_FOOT]
        room = max(0, console.height - len(foot))
        for most in range(MOST_ROWS, 0, -1):
            lines = console.render_lines(Picture(self._facts, most=most), free)
            if len(lines) <= room:
                break
        for number, line in enumerate([*lines[:room], *foot]):
            if number:
                yield Segment.line()
            yield from line


class Picture:
    """What `monitor.picture` found. `most`: how many alarms, sentences, queues and runs are shown, None for all."""

    def __init__(self, facts: Facts, *, most: int | None = None) -> None:
        self._facts = facts
        self._most = most

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        facts = self._facts
        yield _head(facts)
        yield from self._wrong()
        if facts["servers"]:
            yield ""
            yield _servers(facts["servers"], options.max_width)
        for one in facts["silent"]:
            yield _line("bad", f"{one['title']} on {one['host']} is silent, heard last at {_clock(one['since'])}")
        if facts["queues"]:
            yield ""
            yield self._queues(options.max_width)
        if facts["database"]:
            yield _database(facts["database"])
        for role, one in facts["pressure"].items():
            yield _line("warn", f"{role} yields to pages, level {one['level']}: {one['why']}")
        yield from self._runs()
        for text in facts["missing"]:
            yield _line("warn", text)

    def _wrong(self) -> Iterator[RenderableType]:
        for one in self._cut(self._facts["alarms"]):
            yield _line("bad", f"since {_clock(one['since'])}: {one['text']}")
            yield Padding(Text(one["todo"]), (0, 0, 0, 4))
        yield from self._left(self._facts["alarms"], "alarms")
        for one in self._cut(self._facts["sentences"]):
            since = f" {_clock(one['since'])}" if one["since"] else ""
            yield _line(one["level"], one["text"] + since)
        yield from self._left(self._facts["sentences"], "sentences")

    def _queues(self, width: int) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
        names = ("queue", "ready", "running", "scheduled", "limited", "paused", "oldest", "promise", "")
        # Of a narrow terminal the last letters of a word may be missing, and never a number.
        shown = [name for name in names if width >= 100 or name not in ("scheduled", "limited", "paused")]
        for name in shown:
            is_text = name in ("queue", "")
            table.add_column(name, justify="left" if is_text else "right", no_wrap=True, overflow="ellipsis")
        by_trouble = sorted(self._facts["queues"], key=lambda one: (not one["is_late"], -(one["oldest"] or 0)))
        for one in self._cut(by_trouble):
            state = "[red]late[/]" if one["is_late"] else ""
            state = "[yellow]paused[/]" if one["is_paused"] else state
            cells = {
                "queue": escape(one["name"]),
                "oldest": seconds(one["oldest"]),
                "promise": seconds(one["promise"]),
                "": state,
            }
            table.add_row(*(cells[name] if name in cells else number(one[name]) for name in shown))
        left = len(by_trouble) - len(self._cut(by_trouble))
        if left:
            table.add_row(f"[dim]and {left} more[/]")
        return table

    def _runs(self) -> Iterator[RenderableType]:
        for one in self._cut(self._facts["runs"]):
            text = f"run {one['run']} of {one['release']} is {one['state']}, begun by {one['begun_by']}"
            if one["todo"]:
                text += f", to be decided within {seconds(one['decide_within'])}: {one['todo']}"
            yield _line("warn" if one["todo"] else "good", text)
        yield from self._left(self._facts["runs"], "runs")

    def _cut(self, rows: Sequence[Any]) -> Sequence[Any]:
        return rows if self._most is None else rows[: self._most]

    def _left(self, rows: Sequence[Any], what: str) -> Iterator[RenderableType]:
        if left := len(rows) - len(self._cut(rows)):
            yield Text(f"    and {left} more {what}", style="dim")


def _head(facts: Facts) -> Text:
    live, since = facts["release"]["live"], _clock(facts["release"]["since"])
    told = "no release is live" if live is None else f"release [bold]{escape(live)}[/] is live since {since}"
    return Text.from_markup(f"[bold]{_clock(facts['at'])}[/]  {told}")


def _line(level: str, text: str) -> RenderableType:
    """A sentence; where it is too long it goes on under its beginning."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column()
    mark, style = LEVELS[level]
    grid.add_row(mark, Text(text, style="" if level == "good" else style))
    return grid


def _servers(servers: Sequence[Facts], width: int) -> RenderableType:
    abreast = max(1, min(len(servers), width // NARROWEST))
    table = Table.grid(padding=(0, 2, 0, 0), expand=False)
    each = max(NARROWEST - 2, min(60, width // abreast - 2))
    for _ in range(abreast):
        table.add_column(width=each)
    cards = [_card(one, each) for one in servers]
    for first in range(0, len(cards), abreast):
        if first:
            table.add_row("")
        table.add_row(*cards[first : first + abreast])
    return table


def _card(server: Facts, width: int) -> RenderableType:
    card = Table.grid(padding=(0, 1))
    card.add_column(width=LABEL, no_wrap=True)
    card.add_column(width=width - LABEL - 1, overflow="fold")
    title = Table.grid()
    title.add_column(width=width, no_wrap=True, overflow="ellipsis")
    title.add_row(f"[bold]{escape(server['title'])}[/] on {escape(server['host'])}")
    for label, value in (*_own(server), *_of_pages(server.get("pages")), *_of_tasks(server.get("tasks"))):
        card.add_row(f"[dim]{label}[/]", value)
    title.add_row(card)
    return title


def _own(server: Facts) -> Iterator[tuple[str, RenderableType]]:
    releases = ", ".join(server["releases"]) or NOTHING
    state = "" if server["state"] in ("active", "unknown") else f", {server['state']}"
    yield "release", f"{escape(releases)}{state}" + ("" if server["is_live"] else " [red](not live)[/]")
    if server["load"] is not None:
        style, word = WORDS.get(server["word"], ""), server["word"]
        cores = server["cores"]
        yield "load", f"{server['load']:.1f} on {cores} core{'' if cores == 1 else 's'}, [{style}]{word}[/]"
    if server["cpu"] is not None:
        yield "cpu", _Bar(server["cpu"])
    if server["memory"] is not None:
        yield "memory", _Bar(server["memory"])
    if server["rss"] is not None:
        yield "processes", f"{number(server['processes'])} with {size(server['rss'])}"


def _of_pages(pages: Facts | None) -> Iterator[tuple[str, RenderableType]]:
    if pages is None:
        return
    yield "pages", f"{number(pages['per_s'])} a second"
    p95, promise = seconds(pages["p95"]), seconds(pages["promise"])
    is_late = pages["p95"] is not None and pages["p95"] > pages["promise"]
    yield "p95", f"[red]{p95}, promised is {promise}[/]" if is_late else f"{p95} [dim]of {promise}[/]"
    bad = pages["errors_5xx"] or pages["timeouts"]
    failed = f"{number(pages['errors_5xx'])} of 5xx, {number(pages['timeouts'])} timed out"
    yield "last minute", f"[red]{failed}[/]" if bad else failed
    for view in pages["views"][:1]:
        yield "slowest", f"{escape(view['name'])} {seconds(view['p95'])}"


def _of_tasks(tasks: Facts | None) -> Iterator[tuple[str, RenderableType]]:
    if tasks is None:
        return
    slots = f" of {number(tasks['slots'])} slots" if tasks["slots"] is not None else ""
    yield "running", f"{number(tasks['running'])}{slots}"
    yield "finished", f"{number(tasks['per_s'])} a second"
    failed = f"{number(tasks['failed'])} failed, {number(tasks['retried'])} to repeat"
    yield "last minute", f"[red]{failed}[/]" if tasks["failed"] else failed
    for task in tasks["tasks"][:1]:
        yield "longest", f"{escape(task['name'])} {seconds(task['p95'])}"


def _database(facts: Facts) -> Text:
    return Text.from_markup(
        f"[dim]database[/]  {number(facts['connections'])} of {number(facts['most_connections'])} connections, "
        f"{number(facts['waiting'])} waiting, oldest transaction {seconds(facts['oldest_transaction_s'])}"
    )


class _Bar:
    """A share, as a bar and in figures."""

    def __init__(self, share: float) -> None:
        self._share = share

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full, empty = ("#", ".") if options.ascii_only else ("█", "░")
        filled = round(min(1.0, self._share) * BAR)
        style = "red" if self._share > 0.9 else "yellow" if self._share > 0.7 else "green"
        yield Text.assemble((full * filled, style), (empty * (BAR - filled), "dim"), f" {self._share:4.0%}")


def seconds(value: float | None) -> str:
    """A length of time in the unit that fits."""
    if value is None:
        return NOTHING
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.0f} h" if value < 172_800 else f"{value / 86_400:.0f} d"


def number(value: float | None) -> str:
    """With thousands apart, and a digit behind the point where that says something."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if value < 10 and value != int(value) else f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _clock(text: str | None) -> str:
    """When, by this terminal's clock."""
    if text is None:
        return NOTHING
    here = datetime.fromisoformat(text).astimezone()
    today = here.date() == datetime.now(here.tzinfo).date()
    return f"{here:%H:%M:%S}" if today else f"{here:%Y-%m-%d %H:%M}"
