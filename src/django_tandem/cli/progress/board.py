"""A run in a terminal: steps that have ended above, and below them what is done now, with the legs side by side."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from django_tandem.cli.progress.base import WIDTH, Progress, name_of
from django_tandem.cli.progress.legs import Legs, Spin
from django_tandem.cli.progress.lines import lines_of, say_begun, say_end
from django_tandem.cli.timeline import print_gate, took

if TYPE_CHECKING:
    from django_tandem.pipeline.driving import Event
    from django_tandem.pipeline.run import Begun, Run

TIMES_A_SECOND = 8


class Board(Progress):
    """For people. Nothing that it has said is taken back: only the part below is drawn again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spin = Spin("|/-\\" if console.options.ascii_only else "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
        self._legs = Legs(self._spin)
        self._now: tuple[str, float] | None = None
        self._checks: list[str] = []
        self._lock = threading.RLock()
        self._live: Live | None = None

    def say_begun(self, begun: Begun) -> None:
        say_begun(self._console, begun)
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            transient=True,
            auto_refresh=False,
            vertical_overflow="crop",
        )
        self._live.start()
        threading.Thread(target=self._turn, daemon=True).start()

    def tell(self, event: Event) -> None:
        with self._lock:
            self._legs.hear(event)
            self._print(self._take(event))
            if event.what == "told" and "gate" in event.detail:
                print_gate(self._console, event.detail["gate"])
                self._console.print()

    def say_end(self, run: Run) -> None:
        say_end(self._console, run)

    def rest(self) -> None:
        with self._lock:
            live, self._live = self._live, None
            if live is None:
                return
            live.stop()
            self._print(self._checks)
            if self._legs.known:
                self._console.print()
                self._console.print(self._legs)
                self._console.print()

    def _turn(self) -> None:
        """Draw again and again. Not by a thread of rich's: what it writes and what is printed would cross."""
        while True:
            time.sleep(1 / TIMES_A_SECOND)
            with self._lock:
                if self._live is None:
                    return
                self._live.refresh()

    def _take(self, event: Event) -> list[str]:
        """What is to be said above: of a step that has ended, its line and under it those of its parts, which were
        below until now."""
        if event.what == "told":
            self._checks += lines_of(event)
            if "gate" in event.detail:
                self._now = (name_of(event), time.monotonic())
        elif event.leg is None and event.what == "began":
            if self._now is None or self._now[0] != name_of(event):
                self._now = (name_of(event), time.monotonic())
        elif event.leg is None:
            lines = [*lines_of(event), *self._checks]
            self._checks, self._now = [], None
            return lines
        return []

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._now is not None:
            name, since = self._now
            parts.append(
                Text.from_markup(f"  [cyan]{self._spin()}[/] {name:<{WIDTH}} {took(time.monotonic() - since):>8}")
            )
        parts += [_hanging(line) for line in self._checks]
        if self._legs.known:
            parts += ["", self._legs]
        return Group(*parts)

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._console.print(_hanging(line))


def _hanging(line: str) -> RenderableType:
    """A line of markup that goes on under its beginning where it is too long."""
    text = line.lstrip(" ")
    return Padding(Text.from_markup(text), (0, 0, 0, len(line) - len(text)))
