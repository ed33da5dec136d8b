"""Load the project's Django as a role has it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django_tandem.config import secrets
from django_tandem.config.read import check_role
from django_tandem.config.schema import Tandem
from django_tandem.errors import SettingsNotImportable, TandemError

# As this process got it. The values of its role are set when its settings are loaded: who starts something that has no
# role, or another, must not pass them on.
BEGAN_WITH: Mapping[str, str] = dict(os.environ)


def environment(tandem: Tandem, role: str | None) -> dict[str, str]:
    """The environment variables that make a process load `tandem` as `role`."""
    variables = {
        "TANDEM_CONFIG": str(tandem.path),
        "TANDEM_RELEASE": tandem.release,
        "DJANGO_SETTINGS_MODULE": "django_tandem.settings",
    }
    return {**variables, "TANDEM_ROLE": role} if role else variables


def boot(tandem: Tandem, role: str | None) -> None:
    """Set up Django in this process, with the settings of `role` (None: what all roles share).

    Raises ConfigurationError for an unknown role, SettingsNotImportable when the project does not import.
    """
    if role:
        check_role(tandem, role)
    else:
        os.environ.pop("TANDEM_ROLE", None)
    os.environ.update(environment(tandem, role))
    with project_settings(tandem):
        import django

        django.setup()


@contextmanager
def project_settings(tandem: Tandem, what: str | None = None) -> Iterator[None]:
    """Code that imports the project: its folder is on the path, and what it raises becomes SettingsNotImportable.
    `what`: which part of it, where that is not its settings."""
    if str(tandem.root) not in sys.path:
        sys.path.insert(0, str(tandem.root))
    try:
        yield
    except TandemError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a project raises while it is imported is its operator's to mend
        raise SettingsNotImportable([_one_line(tandem, what or tandem.file.app.settings, error)]) from None


def _one_line(tandem: Tandem, what: str, error: Exception) -> str:
    cause = f"{type(error).__name__}: {secrets.mask(' '.join(str(error).split()))}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(tandem.root))]
    where = f" ({own[-1].filename.removeprefix(f'{tandem.root}/')}, line {own[-1].lineno})" if own else ""
    return f"{what} does not import: {cause}{where}"
