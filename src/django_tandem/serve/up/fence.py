"""The fence at the start of `tandem up`."""

from __future__ import annotations

from django_tandem.config.schema import Tandem
from django_tandem.queue import fence
from django_tandem.queue.connect import connect
from django_tandem.queue.fence import Fence


def take(tandem: Tandem, *, activate: bool) -> Fence:
    """Take the fence where nobody has, move it here if told to, and return where it stands."""
    with connect(tandem.alias, purpose="fence") as connection:
        if activate:
            return fence.activate(connection, tandem.release)
        return fence.take_if_empty(connection, tandem.release)
