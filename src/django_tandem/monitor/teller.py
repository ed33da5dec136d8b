"""Teller: in a worker, sums up what was noted there and tells it to the keeper."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django_tandem.monitor import sums
from django_tandem.monitor.channel import Channel
from django_tandem.monitor.facts import merge

# Two messages a sample: what one costs grows with the names in it, less with how much there was of each.
EVERY_S = 2.5

# Of what was not summed up yet; beyond that the oldest is forgotten.
MOST_NOTED = 200_000

# At a worker's end: how long it waits for room.
LAST_S = 1.0
LOOK_S = 0.02

Noted = TypeVar("Noted")


class Teller(Generic[Noted]):
    """`part` of a sample is what `sum_up` makes of what was noted. Made before the fork or after; its thread begins
    with what is noted first, in the process that notes it."""

    def __init__(self, channel: Channel, part: str, sum_up: Callable[[list[Noted]], dict[str, Any]]) -> None:
        self._channel = channel
        self._part = part
        self._sum_up = sum_up
        self._noted: deque[Noted] = deque(maxlen=MOST_NOTED)
        self._claimed: deque[int] = deque(maxlen=MOST_NOTED)
        self._sums: dict[str, Any] = {}
        self._telling = threading.Lock()
        self._beginning = threading.Lock()
        self._begun = False
        # Adding to a deque needs no lock, and nothing but this is done for each request or job.
        self.append = self._noted.append
        self.claimed = self._claimed.append

    def note(self, one: Noted) -> None:
        """One more."""
        self.append(one)
        if not self._begun:
            self.begin()

    def begin(self) -> None:
        """Start the thread, once."""
        with self._beginning:
            if not self._begun:
                threading.Thread(target=self._run, name="tandem-teller", daemon=True).start()
                self._begun = True

    def tell(self) -> bool:
        """Sum up what was noted, and send it; whether all was sent. What was not is kept, and told with what comes."""
        with self._telling:
            fresh = self._take()
            self._sums = sums.bounded(merge([self._sums, fresh])) if fresh else self._sums
            unsent = list(sums.pieces(self._sums))
            while unsent and self._channel.send(sums.written(unsent[0])):
                del unsent[0]
            self._sums = merge(unsent)
            return not unsent

    def end(self) -> None:
        """Tell the last of it, where there is room before long."""
        deadline = time.monotonic() + LAST_S
        while not self.tell() and time.monotonic() < deadline:
            time.sleep(LOOK_S)

    def _take(self) -> dict[str, Any]:
        noted = [self._noted.popleft() for _ in range(len(self._noted))]
        claims = sum(self._claimed.popleft() for _ in range(len(self._claimed)))
        if not (noted or claims):
            return {}
        return merge([{self._part: self._sum_up(noted)}, {self._part: {"claims": claims}} if claims else {}])

    def _run(self) -> None:
        while True:
            time.sleep(EVERY_S)
            self.tell()
