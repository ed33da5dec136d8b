"""A loop with a connection of its own, which goes on when a turn fails."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg

from django_tandem.errors import TandemError
from django_tandem.queue import events
from django_tandem.queue.connect import Connection, connect


def repeat(
    name: str, alias: str, stop: threading.Event, turn: Callable[[Connection], object], *, every_s: float
) -> None:
    """Call `turn` every `every_s` seconds until `stop` is set; connect anew after a failure."""
    connection: Connection | None = None
    while not stop.is_set():
        try:
            if connection is None or connection.closed:
                connection = connect(alias, purpose=name)
            turn(connection)
        except (psycopg.Error, TandemError) as error:
            events.loop_failed(name, error)
            if connection is not None:
                connection.close()
        stop.wait(every_s)
    if connection is not None:
        connection.close()
