"""The credit bureau over HTTP."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from django.conf import settings

TRIES = 3


class BureauUnavailable(Exception):
    """The bureau did not answer, in as many tries as it is given."""


@dataclass(frozen=True)
class Answer:
    points: int
    open_loans: int


def ask(name: str, born: str) -> Answer:
    """Ask the bureau about a person. Raises BureauUnavailable."""
    url = f"{settings.BUREAU_URL}/person?{urllib.parse.urlencode({'name': name, 'born': born})}"
    last: Exception | None = None
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=settings.BUREAU_TIMEOUT_S) as response:  # noqa: S310 - from settings
                data = json.load(response)
            return Answer(points=data["points"], open_loans=data["open_loans"])
        except (OSError, ValueError, KeyError) as error:
            last = error
    raise BureauUnavailable(f"{settings.BUREAU_URL}: {last}")
