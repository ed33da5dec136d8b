"""Lanes: the slots of a worker that begin any job, and those that are reserved for urgent ones."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable

from django_tandem.queue.claim import Horizons
from django_tandem.queue.held import Held
from django_tandem.queue.job import Job
from django_tandem.queue.pace import Pace


class Lane(ABC):
    """So many `slots` for jobs of at least the priority `least`; those of them that are `idle` wait for `work`.

    `dry`: when it was last asked for, less was ready than there was room for, and nothing was announced since.
    """

    def __init__(self, slots: int, least: int, queues: Iterable[str], lock: threading.Lock) -> None:
        self.slots = slots
        self.least = least
        self.horizons = Horizons(queues)
        self.work = threading.Condition(lock)
        self.idle = 0
        self.dry = False

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
        return held.urgent

    def take(self, held: Held) -> Job:
        return held.take_urgent()

    def room(self, held: Held, by_slot: int = 0) -> int:
        return max(0, self.idle + by_slot - held.urgent)

    def is_short(self, held: Held) -> bool:
        return not held.urgent
