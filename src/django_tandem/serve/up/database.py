"""The database that the servers meet in: the project's own, or an embedded one; migrated once."""

from __future__ import annotations

import io
import itertools
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.management import call_command

from django_tandem.config.boot import project_settings
from django_tandem.config.overlay import EMBEDDED, names_database
from django_tandem.config.schema import Tandem
from django_tandem.errors import TandemError
from django_tandem.processes.postgres import start_embedded
from django_tandem.queue.connect import Connection, address, connect

logger = logging.getLogger("django_tandem.serve")

# One number for all who migrate Tandem's projects, so that of several only one does at a time.
MIGRATION_LOCK = 0x7A_4D_E4
LOOK_S = 0.2
TELL_S = 3.0


def embedded_if_none(tandem: Tandem) -> str | None:
    """Start the embedded PostgreSQL where no database is configured, and return its URL; else None.

    Raises SettingsNotImportable, DatabaseUnreachable.
    """
    with project_settings(tandem):
        if names_database(tandem):
            return None
    return start_embedded(tandem.root / EMBEDDED)


def migrate(tandem: Tandem, apps: Sequence[str] = ()) -> list[str]:
    """Apply the migrations that are missing, under a lock, and return their names; of `apps` only, which are Tandem's,
    where any are named.

    Raises DatabaseUnreachable, and TandemError when a migration fails.
    """
    said = io.StringIO()
    with alone(tandem.alias):
        aliases = [tandem.alias] if apps else dict.fromkeys(["default", tandem.alias])
        for alias, app in itertools.product(aliases, [[app] for app in apps] or [[]]):
            try:
                call_command(
                    "migrate", *app, database=alias, interactive=False, verbosity=1, stdout=said, stderr=sys.stderr
                )
            except Exception as error:
                at = _applied(said.getvalue())[-1:]
                raise TandemError(
                    f"migrating {address(alias)} failed{''.join(f' at {name}' for name in at)}: "
                    + " ".join(str(error).split())
                ) from error
    return _applied(said.getvalue())


@contextmanager
def alone(alias: str) -> Iterator[None]:
    """Nobody else migrates. Raises DatabaseUnreachable."""
    with connect(alias, purpose="migrates") as connection:
        _lock(connection)
        yield


def _lock(connection: Connection) -> None:
    """Wait for the lock without a statement that waits: its snapshot would hold up a CREATE INDEX CONCURRENTLY of who
    has the lock, on another connection, so that PostgreSQL would not see that each waits for the other."""
    began, told = time.monotonic(), False
    while connection.execute("SELECT pg_try_advisory_lock(%s)", (MIGRATION_LOCK,)).fetchone() != (True,):
        if not told and time.monotonic() - began > TELL_S:
            told = True
            logger.warning("another process migrates this database: waiting for its end")
        time.sleep(LOOK_S)


def _applied(said: str) -> list[str]:
    return [line.split()[1].rstrip(".") for line in said.splitlines() if line.strip().startswith("Applying")]
