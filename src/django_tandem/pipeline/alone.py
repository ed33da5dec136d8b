"""Do something as the only one who drives, beside no run: the same lock, for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from django_tandem.errors import DatabaseUnreachable
from django_tandem.pipeline import lock
from django_tandem.pipeline.ground import Ground
from django_tandem.queue.connect import Connection, address, connect


@contextmanager
def alone(ground: Ground) -> Iterator[Connection]:
    """A connection, while no run is driven. Raises AnotherDrives where one is, DatabaseUnreachable."""
    alias = ground.tandem.alias
    try:
        with connect(alias, purpose="pipeline") as connection:
            held = lock.acquire(connection)
            try:
                with lock.Heartbeat(partial(connect, alias, purpose="pipeline heartbeat"), held):
                    yield connection
            finally:
                lock.release(connection, held)
    except psycopg.Error as error:
        cause = " ".join(str(error).split())
        raise DatabaseUnreachable(
            f"the database {address(alias)} failed: {cause}; look at tandem servers list"
        ) from error
