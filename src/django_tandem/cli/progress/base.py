"""What each way of showing a run has to know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING

import click

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
BACK_NAMES = {"switch": "back: switch", "drain": "back: drain the new one", "prove": "back: prove that it is gone"}
WIDTH = 27


def name_of(event: Event) -> str:
    """The step of an event, in words."""
    return (BACK_NAMES if event.step.stage == "return" else NAMES)[event.step.name]


class Progress(ABC):
    """Hears of a run's events, which come from several threads. A context manager: what it draws ends with it."""

    run: int | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()

    def begun(self, begun: Begun) -> None:
        """Which run it is."""
        self.run = begun.run.id
        self.say_begun(begun)

    def say_interrupted(self) -> None:
        """Somebody pressed Ctrl-C: how the run stands, and how to go on."""
        self.rest()
        if self.run is None:
            click.echo("tandem: interrupted before a run had begun", err=True)
            return
        click.echo(
            f"tandem: interrupted: run {self.run} stays where it is; tandem pipeline resume {self.run} goes on with "
            f"it, tandem pipeline cancel {self.run} ends it",
            err=True,
        )

    @abstractmethod
    def say_begun(self, begun: Begun) -> None:
        """Which run it is."""

    @abstractmethod
    def tell(self, event: Event) -> None:
        """A step began, ended or failed, or something happened in it."""

    @abstractmethod
    def say_end(self, run: Run) -> None:
        """How the run ended."""

    def rest(self) -> None:  # noqa: B027 - only what draws has something to end
        """Draw nothing any more."""
