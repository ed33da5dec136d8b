"""Hear at once of what changes: states of runs, and a lock that becomes free."""

from __future__ import annotations

from django_tandem.queue.connect import Connection

CHANNEL = "tandem_pipeline"


def listen(connection: Connection) -> None:
    """Hear of changes on `connection` from now on. What was said before must be looked for after this."""
    connection.execute("LISTEN tandem_pipeline")


def heard(connection: Connection, seconds: float) -> list[str]:
    """Wait for a change, at most for `seconds`: "7 approved" of a run, "lock deploy"; empty where there was none."""
    return [notice.payload for notice in connection.notifies(timeout=seconds, stop_after=1)]
