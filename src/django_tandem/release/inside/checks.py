"""Checks: what `tandem check` says without a database, and what `manage.py check --deploy` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_tandem.config import drift
from django_tandem.config.boot import boot
from django_tandem.config.read import read
from django_tandem.release.lint import drifted, plain, unowned_schedules


def answer(_: Mapping[str, Any]) -> dict[str, Any]:
    """`tandem`: messages of Tandem's own checks, schedules without an owner, and what roles differ in and must not;
    `deploy`: what Django's say of the settings that all roles share."""
    tandem = read()
    roles = drift.effective_of(tandem, tandem.file.roles)
    boot(tandem, None)
    from django.core import checks

    ours = [*checks.run_checks(tags=["tandem"], databases=None), *unowned_schedules(tandem), *drifted(tandem, roles)]
    # No databases: what Tandem asks one is whether it grants enough, which a scratch database cannot say.
    others = [one for one in checks.run_checks(include_deployment_checks=True, databases=None) if not _is_ours(one.id)]
    return {
        name: [plain(one) for one in found if not one.is_silenced()]
        for name, found in (("tandem", ours), ("deploy", others))
    }


def _is_ours(name: str | None) -> bool:
    return (name or "").startswith("tandem.")
