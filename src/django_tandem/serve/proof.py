"""Proof that the modules of tasks import, before a server says that it is ready to work through them."""

from __future__ import annotations

import os
from typing import NoReturn

from django.utils.module_loading import autodiscover_modules

from django_tandem.config.boot import project_settings
from django_tandem.config.schema import Tandem
from django_tandem.errors import SettingsNotImportable, TandemError

LONGEST = 4000


def tasks_import(tandem: Tandem) -> None:
    """Import the modules called `tasks` of all apps, in a process of its own: what they start as they are imported, a
    thread or a connection, must not be in a process that forks workers. Raises SettingsNotImportable."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _import_and_leave(tandem, write)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        problem = said.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise SettingsNotImportable([problem or f"the modules of tasks do not import: the process ended with {code}"])


def _import_and_leave(tandem: Tandem, write: int) -> NoReturn:
    try:
        with project_settings(tandem, "a module of tasks"):
            autodiscover_modules("tasks")
    except TandemError as error:
        os.write(write, str(error).encode()[:LONGEST])
        os._exit(1)
    except BaseException as left:  # noqa: BLE001 - it must not go on as the server that it is a copy of
        os.write(write, f"the modules of tasks do not import: {type(left).__name__}".encode())
        os._exit(1)
    os._exit(0)
