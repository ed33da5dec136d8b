"""What may be shown of a job: nothing that is encrypted, no passwords, and of what is long its beginning."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.dateparse import parse_datetime

from django_tandem.config.secrets import mask
from django_tandem.queue import at_rest
from django_tandem.queue.encryption import is_sealed
from django_tandem.queue.results import Row

# Characters of each: arguments in a list and on a job's own page, a return value, the text of an error.
IN_A_LIST, ON_A_PAGE, OF_AN_ERROR = 160, 10_000, 20_000

# So much of them a list reads: masked before it is cut, because a password that is cut may not look like one.
READ = 1_000


class Attempt(NamedTuple):
    """An attempt that did not finish its job. `worker`: "server-process"."""

    number: int | None
    worker: str | None
    ended: datetime | None
    error: str
    text: str


def in_a_list(stored: str) -> str:
    """The beginning of arguments, of which a list reads READ characters."""
    if veil := at_rest.veil(stored, reveal=False) if len(stored) < READ else _veil_of_part(stored):
        return veil
    shown = mask(_call(stored)) if len(stored) < READ else mask(stored)
    return shown if len(shown) <= IN_A_LIST else f"{shown[:IN_A_LIST]}…"


def call(stored: str) -> str:
    """Arguments as a call has them."""
    return at_rest.veil(stored, reveal=False) or _cut(_call(stored), ON_A_PAGE)


def returned(stored: str | None) -> str | None:
    """What a job returned."""
    return at_rest.veil(stored, reveal=False) or (stored and _cut(stored, ON_A_PAGE))


def attempts(row: Row) -> list[Attempt]:
    """Those that ended with an error, newest first. What ended a job that no worker had begun has no number."""
    found, number = [], 0
    for past in row.past_attempts:
        number += bool(past["worker"])
        text = past["error"]["text"]
        found.append(
            Attempt(
                number if past["worker"] else None,
                past["worker"],
                parse_datetime(past["ended"]) if past["ended"] else None,
                past["error"]["class"],
                at_rest.veil(text, reveal=False) or _cut(text, OF_AN_ERROR),
            )
        )
    return found[::-1]


def _veil_of_part(stored: str) -> str | None:
    """A part of what is encrypted cannot be opened, whoever has the key."""
    return at_rest.MASKED if at_rest.is_on() or is_sealed(stored) else None


def _call(stored: str) -> str:
    args, kwargs = json.loads(stored)
    words = [_json(value) for value in args] + [f"{name}={_json(value)}" for name, value in kwargs.items()]
    return f"({', '.join(words)})"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, most: int) -> str:
    shown = mask(text)
    return shown if len(shown) <= most else f"{shown[:most]}… ({len(shown) - most:,} more characters)"
