"""A claimed job on its way through a worker, and what came of it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import NamedTuple

from django_tandem.queue.states import State

# A job under which its worker died so often is not given to another: it would take them all, one after the other.
MOST_DEATHS = 3


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
    expires_at: datetime | None
    forgiven: int
    limit_key: str | None
    deaths: int
    trace: str | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether workers have died while it ran so often that with the next it is given up."""
        return self.deaths >= MOST_DEATHS - 1


class Outcome(NamedTuple):
    """What came of a job. `began` and `ended` are monotonic seconds; `returned` and `history` are JSON texts.
    `wait_s`: the job is to begin again after so many seconds, and its state is SCHEDULED; None: it has finished.
    `is_settled`: there is nothing to write, because it was committed with what the job did, or dropped."""

    job: Job
    state: State
    began: float
    ended: float
    returned: str | None
    history: str | None
    wait_s: float | None = None
    is_settled: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the job has finished, is to be written, and no other waits for it."""
        return self.wait_s is None and not self.is_settled and self.job.limit_key is None

    @property
    def age_s(self) -> float:
        """How long it has waited to be written."""
        return time.monotonic() - self.ended
