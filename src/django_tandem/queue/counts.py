"""What waits and what runs, counted."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django_tandem.queue.connect import Connection
from django_tandem.queue.statements import statement


class ServerCount(NamedTuple):
    """A server that has not stopped. `heartbeat_age_s`: seconds since it renewed its lease."""

    id: int
    role: str
    host: str
    pid: int
    release: str
    state: str
    heartbeat_age_s: float
    config_digest: str
    started_at: datetime


class QueueCount(NamedTuple):
    """The unfinished jobs of a queue; `paused`: those whose task is. `oldest_ready_s`: the longest that one has been
    ready."""

    name: str
    ready: int
    scheduled: int
    running: int
    paused: int
    oldest_ready_s: float | None


class PriorityCount(NamedTuple):
    """The unfinished jobs of a queue that have one priority. `limited`: those that wait for their limit."""

    queue: str
    priority: int
    ready: int
    scheduled: int
    running: int
    limited: int
    paused: int
    oldest_ready_s: float | None


# Of a PriorityCount, what counts jobs.
STATES = ("ready", "scheduled", "running", "limited", "paused")


def servers(connection: Connection) -> list[ServerCount]:
    """All servers that have not stopped, by role and host."""
    return [ServerCount(*row) for row in connection.execute(statement("counts", "servers"))]


def queues(connection: Connection) -> list[QueueCount]:
    """All queues that have unfinished jobs, by name."""
    return [QueueCount(*row) for row in connection.execute(statement("counts", "queues"))]


def priorities(connection: Connection) -> list[PriorityCount]:
    """All queues and priorities that have unfinished jobs. It reads all of these."""
    rows = [PriorityCount(*row) for row in connection.execute(statement("counts", "priorities"))]
    return sorted(rows, key=lambda row: (row.queue, row.priority))
