"""The rescuer: a loop that gives the jobs of silent servers to others. Any number may run; of several one acts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django_tandem.queue.allowance import Allowance
from django_tandem.queue.connect import Connection
from django_tandem.queue.lease import RENEW_S, rescue_silent
from django_tandem.queue.loop import repeat

LOOK_S = 1.0

# Who could not look for longer than RENEW_S judges nobody for this time: the database was away, or this machine was
# asleep, and whoever lives renews first.
GRACE_S = 10.0


def run(alias: str, stop: threading.Event, clock: Callable[[], float] = time.time) -> None:
    """Look every second, until `stop` is set. `clock`: seconds, which go on while the machine sleeps."""
    looked_at, quiet_until = clock(), 0.0
    ownerless = Allowance(LOOK_S)

    def turn(connection: Connection) -> None:
        nonlocal looked_at, quiet_until
        now = clock()
        if now - looked_at > RENEW_S:
            quiet_until = now + GRACE_S
        quiet_until = min(quiet_until, now + GRACE_S)  # the clock was put back meanwhile
        looked_at = now
        if now < quiet_until:
            return
        if ownerless.is_due:
            with ownerless.look():
                rescue_silent(connection)
        else:
            rescue_silent(connection, ownerless=False)

    repeat("rescuer", alias, stop, turn, every_s=LOOK_S)
