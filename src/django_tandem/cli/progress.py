"""What a person sees of a run while it is driven: a line for each step; in a terminal also what it does now."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from django_tandem.cli.timeline import print_gate, took

if TYPE_CHECKING:
    from django_tandem.pipeline.driving import Event
    from django_tandem.pipeline.run import Begun, Run

NAMES = {
    "source": "look at the commits",
    "build": "build",
    "trial": "trial",
    "approval": "approval",
    "prepare": "prepare both legs",
    "migrate": "migrate",
    "switch": "switch",
    "drain": "drain what was live",
    "prove": "prove that it is gone",
    "verify": "verify",
}
WIDTH = 26
WIDE = 140  # as the lines of a log are


class Progress:
    """Hears of a run's events. `as_json`: one event a line, and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, width=max(Console().width, WIDE))
        self._status: Status | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rest()

    def begun(self, begun: Begun) -> None:
        """Which run it is."""
        run = begun.run
        if self._as_json:
            self._print_json({"what": "run", "run": run.id, "commit": run.commit, "is_new": begun.is_new})
            return
        name = {"ship": "", "rollback": "rollback to ", "activate": "activate "}[run.kind] + run.release
        self._console.print(f"[bold]run {run.id}[/]  {name}" + ("" if begun.is_new else "  (which is open already)"))
        for one in begun.superseded:
            self._console.print(f"  run {one} is superseded: its approval can no longer be given")

    def tell(self, event: Event) -> None:
        """A step began, ended or failed, or something happened in it."""
        if self._as_json:
            self._print_json(
                {
                    "what": event.what,
                    "run": event.run,
                    "stage": event.step.stage,
                    "step": event.step.name,
                    "leg": event.leg,
                    "detail": dict(event.detail),
                }
            )
            return
        name = self._name(event)
        if event.what == "began":
            self._began = time.monotonic()
            self._work(name)
        elif event.what == "told":
            self._tell_more(event)
        else:
            seconds = time.monotonic() - self._began
            mark = "[green]✓[/]" if event.what == "ended" else "[red]✗[/]"
            text = "" if event.what == "ended" else f"  [red]{escape(str(event.detail.get('text', '')))}[/]"
            extra = f"  {event.detail['switch_ms']:.0f} ms to the last leg" if "switch_ms" in event.detail else ""
            self._line(f"  {mark} {name:<{WIDTH}} {took(seconds):>8}{extra}{text}")

    def say_end(self, run: Run) -> None:
        """How the run ended."""
        self._rest()
        if run.state.value == "live":
            self._console.print(f"[green]live[/]  release {run.release} on both servers, {took(run.seconds)}")
        else:
            why = f": {escape(run.reason)}" if run.reason else ""
            click.echo(f"tandem: run {run.id} is {run.state.value}{why}", err=True)

    def _tell_more(self, event: Event) -> None:
        detail = event.detail
        if "gate" in detail:
            self._rest()
            print_gate(self._console, detail["gate"])
            self._console.print()
            self._work(self._name(event))
        elif "findings" in detail:
            mark = "[green]✓[/]" if detail["ok"] else "[red]✗[/]"
            self._line(f"      {mark} {detail['name']:<{WIDTH - 4}} {took(detail['seconds']):>8}")
            for found in detail["findings"]:
                if found["level"] != "note":
                    style = "red" if found["level"] == "error" else "yellow"
                    self._line(f"        [{style}]{escape(found['what'])}[/]")
                    if found["instead"]:
                        self._line(f"        [dim]{escape(found['instead'])}[/]")
        elif "seconds" in detail:
            self._line(f"      [green]✓[/] {event.leg or '':<{WIDTH - 4}} {took(detail['seconds']):>8}")

    def _name(self, event: Event) -> str:
        name = NAMES[event.step.name]
        return f"back: {name}" if event.step.stage == "return" else name

    def _work(self, text: str) -> None:
        self._rest()
        if self._console.is_terminal:
            self._status = self._console.status(f"  {text}")
            self._status.start()

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print_json(self, facts: dict[str, Any]) -> None:
        click.echo(json.dumps(facts))
        sys.stdout.flush()
