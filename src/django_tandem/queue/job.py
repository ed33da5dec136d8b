"""A claimed job on its way through a worker, and what came of it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import NamedTuple

from django_tandem.queue.states import State


class Job(NamedTuple):
    """A claimed job: a row of `claim.claim`, in its order. Times are in UTC, by the database's clock."""

    id: int
    task: str
    arguments: str
    attempt: int
    due: datetime
    queue: str
    priority: int
    backend: str
    enqueued_at: datetime
    run_after: datetime | None
    started_at: datetime | None
    claimed_at: datetime
    history: str | None


class Outcome(NamedTuple):
    """What came of a job. `began` and `ended` are monotonic seconds; `returned` and `history` are JSON texts."""

    job: Job
    state: State
    began: float
    ended: float
    returned: str | None
    history: str | None

    @property
    def age_s(self) -> float:
        """How long it has waited to be written."""
        return time.monotonic() - self.ended
