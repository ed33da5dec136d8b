"""Looks: who looks at the fleet, after each of its rows, in the keeper that wrote it; in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from django_tandem.config.schema import Tandem
from django_tandem.monitor import alarms, pressure
from django_tandem.queue.connect import Connection

Look = Callable[[Connection], object]


def looks(tandem: Tandem) -> Mapping[str, Look]:
    """Those of a server with this configuration, by what they look for."""
    return {"pressure": partial(pressure.look, tandem=tandem), "alarms": partial(alarms.look, tandem=tandem)}
