"""The rescuer: a loop that gives the jobs of silent servers to others. Any number may run; of several one acts."""

from __future__ import annotations

import threading

from django_tandem.queue.lease import rescue_silent
from django_tandem.queue.loop import repeat

LOOK_S = 1.0


def run(alias: str, stop: threading.Event) -> None:
    """Look every second, until `stop` is set."""
    repeat("rescuer", alias, stop, lambda connection: rescue_silent(connection), every_s=LOOK_S)
