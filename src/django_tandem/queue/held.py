"""Held jobs: claimed and not begun, in the order in which they are due."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime
from operator import attrgetter

from django_tandem.queue.job import Job

# A job that was claimed and not begun for this long goes back: the slots are held by longer work than was expected.
STALE_S = 0.100

_in_due_order = attrgetter("due", "id")


class Held:
    """In due order, whatever order they come in. Those of at least the priority `urgent` are counted as they come and
    go. Not locked: its owner is."""

    def __init__(self, urgent: int) -> None:
        self.urgent = 0  # how many of them there are
        self._least = urgent
        self._jobs: deque[Job] = deque()
        self._moved_at = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, jobs: Sequence[Job]) -> None:
        """Take in `jobs`, which are in due order."""
        in_order = not self._jobs or _in_due_order(self._jobs[-1]) < _in_due_order(jobs[0])
        self._jobs.extend(jobs)
        if not in_order:
            self._jobs = deque(sorted(self._jobs, key=_in_due_order))
        self.urgent += sum(job.priority >= self._least for job in jobs)
        self._moved_at = time.monotonic()

    def take(self) -> Job:
        """The first, to begin."""
        self._moved_at = time.monotonic()
        job = self._jobs.popleft()
        self.urgent -= job.priority >= self._least
        return job

    def at_least(self, priority: int) -> int:
        """How many of them have at least this priority. May be asked while others take from them."""
        if priority == self._least:
            return self.urgent
        return sum(job.priority >= priority for job in self._jobs.copy())

    def take_at_least(self, priority: int) -> Job:
        """The first of at least this priority, to begin."""
        job = next(job for job in self._jobs if job.priority >= priority)
        self._remove(job)
        self._moved_at = time.monotonic()
        return job

    def take_out(self, job_id: int) -> Job | None:
        """The one with this id, wherever it is; None: it is not there."""
        job = next((job for job in self._jobs if job.id == job_id), None)
        if job is not None:
            self._remove(job)
        return job

    def take_all(self) -> Collection[Job]:
        """All of them."""
        jobs, self._jobs, self.urgent = self._jobs, deque(), 0
        return jobs

    def ids(self) -> set[int]:
        """Of all."""
        return {job.id for job in self._jobs}

    def due_after(self, slots: int) -> datetime:
        """The due of the last that begins when so many slots begin one each."""
        return self._jobs[min(slots, len(self._jobs)) - 1].due

    def _remove(self, job: Job) -> None:
        self._jobs.remove(job)
        self.urgent -= job.priority >= self._least

    @property
    def is_stale(self) -> bool:
        """Whether none has begun, and none has come, for STALE_S."""
        return bool(self._jobs) and time.monotonic() - self._moved_at > STALE_S
