"""The ground on which a driver stands: a database that answers, with Tandem's own tables in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from django_tandem.config.boot import boot
from django_tandem.config.overlay import EMBEDDED
from django_tandem.config.read import read
from django_tandem.config.schema import Tandem
from django_tandem.pipeline import driver
from django_tandem.serve.up import database

# Apps of Tandem that have tables. Their migrations do nothing to a release that runs.
APPS = ("tandem_queue", "tandem_pipeline", "tandem_monitor")


class Ground(NamedTuple):
    """`variables`: what a release's processes need beside the driver's environment, to find the database, and to start
    another driver; `embedded`: the database's folder, where it is an embedded one."""

    tandem: Tandem
    variables: Mapping[str, str]
    embedded: str | None


def ground(tandem: Tandem) -> Ground:
    """Load the project's Django in this process, start the embedded database where none is configured, and make
    Tandem's own tables where they are missing.

    Raises ConfigurationError, SettingsNotImportable, DatabaseUnreachable.
    """
    variables, embedded = {}, None
    if (url := database.embedded_if_none(tandem)) is not None:
        variables["TANDEM_DATABASE_URL"] = os.environ["TANDEM_DATABASE_URL"] = url
        tandem, embedded = read(tandem.path), str(tandem.root / EMBEDDED)
    boot(tandem, None)
    database.migrate(tandem, APPS)
    return Ground(tandem, {**variables, **driver.variables(tandem, variables)}, embedded)
