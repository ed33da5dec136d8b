"""The states of a job, and what Django calls them."""

from __future__ import annotations

from enum import IntEnum

from django_tandem.queue.tasks_api import TaskResultStatus


class State(IntEnum):
    """The numbers are written in the tables and in the predicates of their indexes: they never change."""

    SCHEDULED = 0
    READY = 1
    RUNNING = 2
    SUCCESSFUL = 3
    FAILED = 4
    LIMITED = 5
    PAUSED = 6


# By value: Django's stubs take the members of a Choices class for tuples.
PUBLIC_STATUS = {
    State.SCHEDULED: TaskResultStatus("READY"),
    State.READY: TaskResultStatus("READY"),
    State.RUNNING: TaskResultStatus("RUNNING"),
    State.SUCCESSFUL: TaskResultStatus("SUCCESSFUL"),
    State.FAILED: TaskResultStatus("FAILED"),
    State.LIMITED: TaskResultStatus("READY"),
    State.PAUSED: TaskResultStatus("READY"),
}
