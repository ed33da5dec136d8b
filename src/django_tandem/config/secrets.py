"""Passwords inside texts, hidden wherever settings, values of tandem.toml or errors are shown."""

from __future__ import annotations

import re

MASK = "********"

# A password in a URL may hold any character, as people write them: it ends at the last @ before a space.
_IN_URL = re.compile(r"(?<=://)([^/?#\s:@]*):\S+(?=@)")
_IN_CONNINFO = re.compile(r"\b(\w*passw\w*|pwd)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s;&]+)", re.IGNORECASE)


def mask(text: str) -> str:
    """`text` without the passwords of URLs and connection strings."""
    return _IN_CONNINFO.sub(rf"\1={MASK}", _IN_URL.sub(rf"\1:{MASK}", text))
