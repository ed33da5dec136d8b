"""What threads run: a loop with a connection of its own, and a body whose failure must not pass unseen."""

from __future__ import annotations

import os
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


def or_end_process(body: Callable[[], object]) -> None:
    """Run `body`; if it raises, end the process. A process that went on with a thread less would hold that thread's
    jobs for ever; one that ends is replaced by its supervisor, and its jobs come back."""
    try:
        body()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it was not expected
        try:
            events.thread_died(threading.current_thread().name, error)
        finally:
            os._exit(1)
