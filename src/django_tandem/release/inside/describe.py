"""Describe: what the manifest says of a release, and the static files that it serves."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from django_tandem.config import drift
from django_tandem.config.boot import boot
from django_tandem.config.read import from_environment, read
from django_tandem.config.schema import Tandem
from django_tandem.errors import CannotBuild
from django_tandem.release.inside import signatures
from django_tandem.release.named import named

# What Django's own storage writes: its order is that of the folder's files, which differs between disks.
STATIC_MANIFEST = "staticfiles.json"


def answer(_: Mapping[str, Any]) -> dict[str, Any]:
    """All that is asked of the code itself. Raises CannotBuild, ConfigurationError."""
    from django.conf import settings

    tandem = read()
    roles = drift.effective_of(tandem, tandem.file.roles)
    boot(tandem, None)
    _refuse_missing_migrations(tandem)
    return {
        "settings": {one.role: one.digest for one in roles},
        "named": {one.role: named(one, settings.SECRET_KEY, from_environment(tandem, one.role)) for one in roles},
        "migrations": migrations(),
        "tasks": signatures.of_project(),
        "dependencies": dependencies(),
        "static": _collect_static(tandem),
    }


def migrations() -> list[str]:
    """The migrations of all apps, as "app.name"."""
    from django.db.migrations.loader import MigrationLoader

    return sorted(f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def dependencies() -> dict[str, str]:
    """The version of each distribution of this environment, by its name in the form of PEP 503."""
    found = {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in metadata.distributions()}
    return dict(sorted(found.items()))


def _refuse_missing_migrations(tandem: Tandem) -> None:
    """Of the project's own apps: those of its dependencies are not its to commit."""
    from django.apps import apps
    from django.core.management import CommandError, call_command
    from django.db import connections

    own = [app.label for app in apps.get_app_configs() if Path(app.path).resolve().is_relative_to(tandem.root)]
    if not own:
        return
    for connection in connections.all():
        # So that the command compares the code only, and asks no database what is applied.
        connection.settings_dict["ENGINE"] = "django.db.backends.dummy"
    said = io.StringIO()
    try:
        call_command("makemigrations", *own, check=True, dry_run=True, interactive=False, stdout=said, stderr=said)
    except CommandError as error:
        raise CannotBuild(f"makemigrations --check: {' '.join(str(error).split())}") from None
    except SystemExit as left:
        if not left.code:
            return
        what = " ".join(said.getvalue().split())
        raise CannotBuild(
            f"models have changed without a migration: run makemigrations, and commit what it writes ({what[:400]})"
        ) from None


def _collect_static(tandem: Tandem) -> str | None:
    """Collect the static files where STATIC_ROOT is in the tree; its path there, or None."""
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command

    if not settings.STATIC_ROOT or not apps.is_installed("django.contrib.staticfiles"):
        return None
    root = (tandem.root / settings.STATIC_ROOT).resolve()
    if root == tandem.root or not root.is_relative_to(tandem.root):
        return None
    try:
        call_command("collectstatic", interactive=False, verbosity=0)
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise CannotBuild(f"collectstatic failed: {cause}") from error
    for path in root.rglob(STATIC_MANIFEST):
        path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    return root.relative_to(tandem.root).as_posix()
