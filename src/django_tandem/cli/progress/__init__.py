"""What a person, or a program, sees of a run while it is driven."""

from __future__ import annotations

from django_tandem.cli.progress.base import Progress
from django_tandem.cli.progress.board import Board
from django_tandem.cli.progress.events import Events
from django_tandem.cli.progress.lines import Lines
from django_tandem.cli.terminal import WIDE, console

__all__ = ["Progress", "progress"]


def progress(*, as_json: bool) -> Progress:
    """One JSON event a line; a board in a terminal; lines elsewhere, where nothing can be drawn twice."""
    if as_json:
        return Events()
    drawn = console()
    return Board(drawn) if drawn.is_interactive else Lines(console(at_least=WIDE))
