"""X-Request-Start: when the proxy took a request, as proxies write it; and so how long it waited for a server."""

from __future__ import annotations

import re

# Nginx: `t=${msec}`, seconds with a fraction; HAProxy and Heroku: milliseconds; Apache: `t=%t`, microseconds. Seconds
# since 1970 have as many digits until the year 5138, in each unit.
_WRITTEN = re.compile(r"(?:t=)?([0-9]{9,17}(?:\.[0-9]{1,9})?)")
_SECONDS, _MILLISECONDS, _MICROSECONDS = 1e11, 1e14, 1e17

# What is older waited nowhere: its clock is wrong.
LONGEST_S = 3600.0


def waited_s(header: str, now: float) -> float | None:
    """How many seconds before `now` (since 1970) a request was taken; None where the header does not tell, or tells of
    a time that cannot be."""
    written = _WRITTEN.fullmatch(header.strip())
    if written is None:
        return None
    value = float(written[1])
    if value >= _MICROSECONDS:
        return None
    began = value if value < _SECONDS else value / 1e3 if value < _MILLISECONDS else value / 1e6
    waited = now - began
    return waited if 0 <= waited <= LONGEST_S else None
