"""The database that the servers meet in: the project's own, or an embedded one; migrated once."""

from __future__ import annotations

import io
import sys

from django_tandem.config.boot import project_settings
from django_tandem.config.overlay import EMBEDDED, names_database
from django_tandem.config.schema import Tandem
from django_tandem.processes.postgres import start_embedded

# One number for all who migrate Tandem's projects, so that of several only one does at a time.
MIGRATION_LOCK = 0x7A_4D_E4


def embedded_if_none(tandem: Tandem) -> str | None:
    """Start the embedded PostgreSQL where no database is configured, and return its URL; else None.

    Raises SettingsNotImportable, DatabaseUnreachable.
    """
    with project_settings(tandem):
        if names_database(tandem):
            return None
    return start_embedded(tandem.root / EMBEDDED)


def migrate(tandem: Tandem) -> list[str]:
    """Apply the migrations that are missing, under a lock; returns a line for each. Raises DatabaseUnreachable."""
    from django.core.management import call_command

    from django_tandem.queue.connect import connect

    said = io.StringIO()
    with connect(tandem.alias, purpose="migrates") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        aliases = dict.fromkeys(["default", tandem.alias])
        for alias in aliases:
            call_command("migrate", database=alias, interactive=False, verbosity=1, stdout=said, stderr=sys.stderr)
    return [
        f"migrated: {line.split()[1]}" for line in said.getvalue().splitlines() if line.strip().startswith("Applying")
    ]
