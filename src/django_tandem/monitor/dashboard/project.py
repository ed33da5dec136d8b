"""What pages of releases, servers and configuration stand on: the project, how commands run there, a connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django_tandem.config.read import read
from django_tandem.config.schema import Tandem
from django_tandem.pipeline import driver as drivers
from django_tandem.pipeline.driver import Driver
from django_tandem.queue.connect import Connection, connect
from django_tandem.queue.options import queue_database


def configuration() -> Tandem:
    """This process's, of its release's own tandem.toml."""
    return _read(os.environ.get("TANDEM_CONFIG"))


def driver() -> Driver | None:
    """How commands of the project run on this host; None: somebody has to give them elsewhere."""
    return drivers.here(configuration())


def project() -> Tandem:
    """The same configuration, for who looks below `.tandem`, which is beside the project's tandem.toml."""
    found = driver()
    return configuration() if found is None else configuration().model_copy(update={"path": found.config})


@contextmanager
def connection() -> Iterator[Connection]:
    """One of the queue's own, for as long as a page or an action takes. Raises DatabaseUnreachable."""
    with connect(queue_database(), purpose="dashboard") as connected:
        yield connected


@cache
def _read(path: str | None) -> Tandem:
    return read(Path(path) if path else None)
