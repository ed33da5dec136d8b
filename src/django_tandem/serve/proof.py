"""Proof that the modules of tasks import, before a server says that it is ready to work through them."""

from __future__ import annotations

from functools import partial

from django.utils.module_loading import autodiscover_modules

from django_tandem.config.boot import project_settings
from django_tandem.config.schema import Tandem
from django_tandem.errors import SettingsNotImportable, TandemError
from django_tandem.processes.apart import Apart


def tasks_import(tandem: Tandem) -> None:
    """Import the modules called `tasks` of all apps, in a copy of this process: what they start as they are imported, a
    thread or a connection, must not be in a process that forks workers. Raises SettingsNotImportable."""
    try:
        problem = Apart(partial(_problem, tandem), {}, tandem.root).answer()
    except RuntimeError as error:
        problem = f"the modules of tasks do not import: {error}"
    if problem is not None:
        raise SettingsNotImportable([problem])


def _problem(tandem: Tandem) -> str | None:
    try:
        with project_settings(tandem, "a module of tasks"):
            autodiscover_modules("tasks")
    except TandemError as error:
        return str(error)
    return None
