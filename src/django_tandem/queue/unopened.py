"""Jobs that could not be opened here: told to the operator once, though they come again every few seconds."""

from __future__ import annotations

from django_tandem.queue import events
from django_tandem.queue.job import Job

# So many are remembered; beyond, they are told again.
MOST_TOLD = 10_000


class Unopened:
    """Which jobs were told."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def tell(self, job: Job) -> None:
        """Tell of `job`, unless it was told."""
        if job.id in self._told:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(job.id)
        events.key_not_configured(job)
