"""A run as lines: one for each step when it has ended, under those of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

from django_tandem.cli.progress.base import WIDTH, Progress, name_of
from django_tandem.cli.timeline import print_gate, took

if TYPE_CHECKING:
    from django_tandem.pipeline.driving import Event
    from django_tandem.pipeline.run import Begun, Run

MARKS = {"ended": "[green]✓[/]", "failed": "[red]✗[/]"}


class Lines(Progress):
    """For files, and for terminals on which nothing can be drawn twice."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say_begun(self, begun: Begun) -> None:
        say_begun(self._console, begun)

    def tell(self, event: Event) -> None:
        if event.what == "told" and "gate" in event.detail:
            print_gate(self._console, event.detail["gate"])
            self._console.print()
        for line in lines_of(event):
            self._console.print(line, soft_wrap=True)

    def say_end(self, run: Run) -> None:
        say_end(self._console, run)


def say_begun(console: Console, begun: Begun) -> None:
    """The first line: which run it is."""
    run = begun.run
    name = {"ship": "", "rollback": "rollback to ", "activate": "activate "}[run.kind] + run.release
    console.print(f"[bold]run {run.id}[/]  {name}" + ("" if begun.is_new else "  (which is open already)"))
    for one in begun.superseded:
        console.print(f"  run {one} is superseded: its approval can no longer be given")


def say_end(console: Console, run: Run) -> None:
    """The last line: how it ended, on stderr where the release is not live."""
    if run.state.value == "live":
        console.print(f"[green]live[/]  release {run.release} on both servers, {took(run.seconds)}")
    else:
        why = f": {run.reason}" if run.reason else ""
        click.echo(f"tandem: run {run.id} is {run.state.value}{why}", err=True)


def lines_of(event: Event) -> Iterator[str]:
    """What is said of an event, as markup: of a step, or of a leg's part in it, when it has ended or failed."""
    detail = event.detail
    if event.what == "told":
        if "findings" in detail:
            yield from check_lines(detail)
        return
    if event.what not in MARKS:
        return
    indent, width = ("      ", WIDTH - 4) if event.leg else ("  ", WIDTH)
    name, seconds = event.leg or name_of(event), took(detail.get("seconds"))
    extra = f"  {detail['switch_ms']:.0f} ms to the last leg" if "switch_ms" in detail else ""
    if "by" in detail:
        extra = f"  {escape(detail['decision'])} by {escape(detail['by'] or 'nobody')}"
    text = f"  [red]{escape(str(detail.get('text', '')))}[/]" if event.what == "failed" and not event.leg else ""
    yield f"{indent}{MARKS[event.what]} {escape(name):<{width}} {seconds:>8}{extra}{text}"


def check_lines(check: dict[str, Any] | Any) -> Iterator[str]:
    """A check of the trial, and what it found."""
    mark = MARKS["ended" if check["ok"] else "failed"]
    yield f"      {mark} {escape(check['name']):<{WIDTH - 4}} {took(check['seconds']):>8}"
    for found in check["findings"]:
        if found["level"] != "note":
            yield f"        [{'red' if found['level'] == 'error' else 'yellow'}]{escape(found['what'])}[/]"
            if found["instead"]:
                yield f"        [dim]{escape(found['instead'])}[/]"
