"""Deploy: what `manage.py check --deploy` says of the settings that all roles share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_tandem.config.boot import boot
from django_tandem.config.read import read
from django_tandem.release.lint import plain


def answer(_: Mapping[str, Any]) -> dict[str, Any]:
    """`messages`: all but those of Tandem, which `configuration` has."""
    boot(read(), None)
    from django.core import checks

    # No databases: what Tandem asks one is whether it grants enough, which a scratch database cannot say.
    found = checks.run_checks(include_deployment_checks=True, databases=None)
    return {"messages": [plain(one) for one in found if not one.is_silenced() and not _is_ours(one.id)]}


def _is_ours(name: str | None) -> bool:
    return (name or "").startswith("tandem.")
