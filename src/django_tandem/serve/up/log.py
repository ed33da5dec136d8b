"""One readable log of several servers: time, role, line."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
OWN = "tandem"


class Log:
    """Writes whole lines to `out`, coloured where it is a terminal."""

    def __init__(self, out: TextIO, roles: Iterable[str]) -> None:
        names = [OWN, *roles]
        self._width = max(len(name) for name in names)
        self._colours = dict(zip(names[1:], COLOURS * len(names), strict=False))
        self._console = _Console(file=out, highlight=False, soft_wrap=True, emoji=False)
        # Django sets the process's time zone to the project's; who reads this has one of their own.
        self._zone = datetime.now().astimezone().tzinfo

    def say(self, line: str, style: str = "") -> None:
        """A line of `tandem up` itself."""
        self._write(OWN, Text(line, style=style or _style(line)))

    def line(self, role: str, line: str) -> None:
        """A line that the server of `role` wrote, with the colours that it gave it."""
        text = Text.from_ansi(line)
        text.style = _style(text.plain)
        self._write(role, text)

    def block(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """A title, and facts under each other with their labels."""
        pairs = list(rows)
        width = max(len(label) for label, _ in pairs)
        self.say("")
        self.say(title, style="bold green")
        for label, fact in pairs:
            self._write(OWN, Text.assemble("  ", (f"{label:<{width}}", self._colours.get(label, "dim")), "  ", fact))
        self.say("")

    def receive(self, logger: logging.Logger) -> None:
        """Show what `logger` of this process says as lines of `tandem up`."""
        logger.handlers = [_Lines(self)]
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def _write(self, role: str, line: Text) -> None:
        head = Text.assemble(
            (f"{datetime.now(self._zone):%H:%M:%S} ", "dim"),
            (f"{role:>{self._width}} ", f"bold {self._colours.get(role, '')}"),
            ("│ ", "dim"),
        )
        self._console.print(head.append_text(line))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads any more: what runs goes on."""
        self.quiet = True


class _Lines(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.say(f"{record.levelname} {record.getMessage()}")


def _style(line: str) -> str:
    if line.startswith(("ERROR", "CRITICAL", "Traceback", "tandem: ")):
        return "red"
    return "yellow" if line.startswith("WARNING") else ""


class Lines:
    """Cuts what arrives on a pipe into lines."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._rest = b""

    def read(self) -> list[str]:
        """The whole lines that arrived since the last call."""
        try:
            data = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace").rstrip() for line in lines]
