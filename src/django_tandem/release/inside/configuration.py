"""Configuration: what `tandem check` says without a database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_tandem.config import drift
from django_tandem.config.boot import boot
from django_tandem.config.read import read
from django_tandem.release.lint import drifted, plain, unowned_schedules


def answer(_: Mapping[str, Any]) -> dict[str, Any]:
    """`messages`: of Tandem's own checks, schedules without an owner, and what roles differ in and must not."""
    tandem = read()
    roles = drift.effective_of(tandem, tandem.file.roles)
    boot(tandem, None)
    from django.core import checks

    found = [*checks.run_checks(tags=["tandem"], databases=None), *unowned_schedules(tandem), *drifted(tandem, roles)]
    return {"messages": [plain(one) for one in found if not one.is_silenced()]}
