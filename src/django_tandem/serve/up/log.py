"""One readable log of several servers: time, role, line."""

from __future__ import annotations

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
        self._zone = datetime.now().astimezone().tzinfo  # the operator's: Django is going to set the project's
        self._console = Console(file=out, highlight=False, soft_wrap=True, emoji=False)

    def say(self, line: str) -> None:
        """A line of `tandem up` itself."""
        self.line(OWN, line)

    def line(self, role: str, line: str) -> None:
        """A line that the server of `role` wrote."""
        text = Text()
        text.append(f"{datetime.now(self._zone):%H:%M:%S} ", style="dim")
        text.append(f"{role:>{self._width}} ", style=f"bold {self._colours.get(role, 'white')}")
        text.append("│ ", style="dim")
        text.append(line, style=_style(line))
        self._console.print(text)

    def block(self, rows: Iterable[tuple[str, str]]) -> None:
        """Facts, one a line, under each other."""
        pairs = list(rows)
        width = max(len(label) for label, _ in pairs)
        for label, fact in pairs:
            self.say(f"{label:<{width}}  {fact}")


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

    def read(self) -> list[str] | None:
        """The whole lines that arrived; None when the writer has closed the pipe."""
        try:
            data = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data:
            return None
        return [line.decode(errors="replace").rstrip() for line in lines]
