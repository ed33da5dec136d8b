"""What a worker has in hand: jobs that are held and have not begun, jobs that run, and outcomes to be written."""

from __future__ import annotations

import threading
from collections.abc import Collection

from django_tandem.queue.held import Held
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.lane import Lane
from django_tandem.queue.pace import MOST_HELD

# An outcome waits at most this long for others to be written with it.
SETTLE_S = 0.010


class Hand:
    """Each job is in one of them at most. What changes a job's place is to be called with the lock held; jobs of at
    least the priority `urgent` are counted among the held."""

    def __init__(self, urgent: int) -> None:
        self.lock = threading.Lock()
        self.held = Held(urgent)
        self.running: set[int] = set()
        self.outcomes: list[Outcome] = []
        self.begun = 0  # rises with each job that begins: how a stall is seen

    @property
    def runs_one(self) -> bool:
        """Whether one job runs, and no more."""
        return len(self.running) == 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in hand."""
        return not (self.held or self.running or self.outcomes)

    @property
    def is_to_write(self) -> bool:
        """Whether outcomes are to be written now: they are many, have waited, or nothing is held to wait for."""
        if not (outcomes := self.outcomes):
            return False
        return not self.held or len(outcomes) >= MOST_HELD or outcomes[0].age_s > SETTLE_S

    def begin(self, lane: Lane) -> Job:
        """The first that fits `lane`, which there is: it runs from now on."""
        self.begun += 1
        job = lane.take(self.held)
        self.running.add(job.id)
        return job

    def end(self, outcome: Outcome) -> bool:
        """A job ended; False: it was given up, or has ended before."""
        if outcome.job.id not in self.running:
            return False
        self.outcomes.append(outcome)
        self.running.discard(outcome.job.id)
        return True

    def end_held(self, job_id: int) -> Job | None:
        """Take `job_id` out of what is held, to be given an outcome without being begun; None: it is not there."""
        job = self.held.take_out(job_id)
        if job is not None:
            self.running.add(job.id)
        return job

    def take_outcomes(self) -> list[Outcome]:
        """All of them, to be written."""
        outcomes, self.outcomes = self.outcomes, []
        return outcomes

    def forget_written(self, arrived: Collection[int]) -> None:
        """The outcomes of these jobs are written after all."""
        self.outcomes = [outcome for outcome in self.outcomes if outcome.job.id not in arrived]

    def ids(self) -> set[int]:
        """Of all jobs in hand."""
        return {*self.running, *self.held.ids(), *(outcome.job.id for outcome in self.outcomes)}
