"""How long an action may take, so that whoever pressed a button hears of it before the server gives the request up."""

from __future__ import annotations

import time

# Half of what a Back Office gives a request by default: the last thousand jobs come on top.
SECONDS = 15.0


class Stopwatch:
    """Begins when it is made; called, it says whether there is time left."""

    def __init__(self) -> None:
        self._until = time.monotonic() + SECONDS
        self.is_over = False

    def __call__(self) -> bool:
        self.is_over = time.monotonic() >= self._until
        return not self.is_over
