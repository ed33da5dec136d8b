"""What a claim costs, whatever waits: for benchmarks.queue."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks import database, tasks
from django_tandem.queue import claim, fence
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.tasks_api import task_backends

CLAIMS = 200
WORKER = 1  # nobody's process id


def claim_ms(url: str, connection: Connection, server: int, *, ready: int, blocked: int = 0) -> float:
    """Milliseconds, the median, to claim one job while `ready` others are ready and `blocked` wait for a limit."""
    backend: Any = task_backends["default"]
    if blocked:
        backend.enqueue_many(tasks.limited, (((number,), {}) for number in range(blocked)))
    backend.enqueue_many(tasks.nothing, (((), {}) for _ in range(ready + CLAIMS)))
    database.settle(url)  # or it is the writing of a million rows that is measured
    owner, epoch, horizons = Owner(server, WORKER), fence.read(connection).epoch, Horizons(["default"])
    taken = []
    for _ in range(CLAIMS):
        began = time.perf_counter()
        (job,) = claim.claim(connection, owner, epoch, horizons, 1)
        taken.append((time.perf_counter() - began) * 1000)
        assert job.task.endswith(("nothing", "limited"))
    return statistics.median(taken)
