"""Lanes: the slots of a worker that begin any job, and those that begin only jobs of at least some priority."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from django_tandem.queue.claim import Owner, claim
from django_tandem.queue.connect import Connection
from django_tandem.queue.held import Held
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.job import Job
from django_tandem.queue.pace import Pace
from django_tandem.queue.passed import Passed, claim_usual
from django_tandem.queue.yielding import PRESSING


class Lane(ABC):
    """So many `slots` for jobs of at least the priority `least`; those of them that are `idle` wait for `work`.

    `dry`: when it was last asked for, less was ready than there was room for, and nothing was announced since.
    `has_more`: it was not all looked at.
    """

    has_more = False

    def __init__(self, slots: int, least: int, queues: Iterable[str], lock: threading.Lock) -> None:
        self.slots = slots
        self.least = least
        self.queues = tuple(queues)
        self.horizons = Horizons(queues)
        self.work = threading.Condition(lock)
        self.idle = 0
        self.dry = False

    def resize(self, slots: int) -> None:
        """Have so many slots from now on."""
        self.slots = slots
        self.dry = False

    def forget(self) -> None:
        """Announcements may have been missed: look everywhere."""
        self.dry = False
        self.horizons.drop()

    def announced(self, queue: str, due: datetime) -> None:
        """A job became ready."""
        self.horizons.announced(queue, due)

    def claim(
        self,
        connection: Connection,
        owner: Owner,
        epoch: int,
        horizons: Horizons,
        count: int,
        *,
        before: datetime,
        least: int,
    ) -> list[Job]:
        """See claim.claim."""
        return claim(connection, owner, epoch, horizons, count, before=before, least=least)

    def wait(self) -> None:
        """Wait, as an idle slot, with the lock held."""
        self.idle += 1
        self.work.wait()
        self.idle -= 1

    @abstractmethod
    def fitting(self, held: Held) -> int:
        """How many of the held jobs its slots may begin."""

    @abstractmethod
    def take(self, held: Held) -> Job:
        """The first of those."""

    @abstractmethod
    def room(self, held: Held, by_slot: int = 0) -> int:
        """How many jobs to claim. `by_slot`: 1 where a slot asks, which is not idle and has nothing to do."""

    @abstractmethod
    def is_short(self, held: Held) -> bool:
        """Whether it is time to claim."""


class General(Lane):
    """Begins any job, in the order of due. What short jobs take in hand is measured by `pace`."""

    def __init__(self, slots: int, least: int, queues: Iterable[str], lock: threading.Lock) -> None:
        super().__init__(slots, least, queues, lock)
        self.pace = Pace(slots)
        self.stalled = False  # what was held went back: nothing is held until a slot is free

    def resize(self, slots: int) -> None:
        super().resize(slots)
        self.pace.threads = slots

    def fitting(self, held: Held) -> int:
        return len(held)

    def take(self, held: Held) -> Job:
        self.stalled = False
        return held.take()

    def room(self, held: Held, by_slot: int = 0) -> int:
        if not self.slots:
            return 0
        idle = self.idle + by_slot
        room = self.pace.room(len(held), idle)
        return min(room, idle) if self.stalled else room

    def is_short(self, held: Held) -> bool:
        # Longer jobs are fetched before the last is taken, so that no slot waits for the database.
        return not held or (not self.pace.short and len(held) < self.slots)


class Reserved(Lane):
    """Begins urgent jobs, whatever is due before them. It holds none in advance: another server's slot may be idle."""

    def fitting(self, held: Held) -> int:
        return held.at_least(self.least)

    def take(self, held: Held) -> Job:
        return held.take_at_least(self.least)

    def room(self, held: Held, by_slot: int = 0) -> int:
        return max(0, self.idle + by_slot - held.at_least(self.least))

    def is_short(self, held: Held) -> bool:
        return not held.at_least(self.least)


class Usual(Reserved):
    """Begins jobs that are not of negative priority, whatever of that is due before them."""

    def __init__(self, slots: int, least: int, queues: Iterable[str], lock: threading.Lock) -> None:
        super().__init__(slots, least, queues, lock)
        self._passed = Passed(self.queues)

    def resize(self, slots: int) -> None:
        super().resize(slots)
        self._passed = Passed(self.queues)

    def forget(self) -> None:
        super().forget()
        self._passed = Passed(self.queues)

    def announced(self, queue: str, due: datetime) -> None:
        super().announced(queue, due)
        self._passed.announced(queue, due)

    def claim(
        self,
        connection: Connection,
        owner: Owner,
        epoch: int,
        horizons: Horizons,
        count: int,
        *,
        before: datetime,
        least: int,
    ) -> list[Job]:
        """The urgent at once, however long the backlog is that the others stand in."""
        jobs = claim(connection, owner, epoch, horizons, count, least=PRESSING)
        if len(jobs) < count:
            jobs += claim_usual(connection, owner, epoch, self._passed, count - len(jobs))
        return sorted(jobs, key=attrgetter("due", "id"))

    @property
    def has_more(self) -> bool:  # type: ignore[override]
        return self._passed.has_more
