"""The terminal, or the file, that a command prints to."""

from __future__ import annotations

import codecs
import sys

from rich.console import Console

# Where nobody folds lines: what a log has may be long.
WIDE = 140

PLAIN = "tandem_plain"
_INSTEAD = {"✓": "+", "✗": "x", "→": "->", "−": "-", "…": "...", "·": ".", "│": "|", "─": "-"}


def console(*, at_least: int = 0) -> Console:
    """A console on stdout, as wide as it says, or `at_least` so many characters. Where stdout's encoding has no such
    letters as ours, it gets the nearest that it has."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors=PLAIN)
    made = Console(highlight=False)
    return made if made.width >= at_least else Console(highlight=False, width=at_least)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(letter, "?") for letter in text), error.end


codecs.register_error(PLAIN, _nearest)
