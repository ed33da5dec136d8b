"""Trouble: what fails again and again is said once, and so is that it works again."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

from django_tandem.config.secrets import mask


class Trouble:
    """Several threads (`who`) may meet the same: it works again when it does for all of them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._who: defaultdict[str, set[str]] = defaultdict(set)

    def fails(self, what: str, who: str, error: Exception) -> None:
        """It failed for `who`, and is going to be tried again."""
        with self._lock:
            is_new = not self._who[what]
            self._who[what].add(who)
        if is_new:
            self._say(f"{what} failed, trying again: {mask(' '.join(str(error).split()))}")

    def works(self, what: str, who: str) -> None:
        """It did not fail for `who`."""
        with self._lock:
            was = self._who.pop(what, set())
            if left := was - {who}:
                self._who[what] = left
        if was and not left:
            self._say(f"{what} works again")
