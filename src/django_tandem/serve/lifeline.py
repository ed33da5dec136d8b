"""The pipe from `tandem up` to its servers: it ends when `tandem up` does, however that came."""

from __future__ import annotations

import os

from django_tandem.processes.supervisor import Supervisor

VARIABLE = "TANDEM_LIFELINE_FD"


def watch(supervisor: Supervisor) -> None:
    """Stop `supervisor` when the process that started this one is gone, if it said how to know."""
    number = os.environ.pop(VARIABLE, None)
    if number is None:
        return
    descriptor = int(number)
    os.set_inheritable(descriptor, False)

    def ended() -> None:
        if not os.read(descriptor, 1):
            supervisor.unwatch(descriptor)
            supervisor.stop()

    supervisor.watch(descriptor, ended)
