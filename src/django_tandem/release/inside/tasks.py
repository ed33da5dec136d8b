"""Tasks: the signatures of those that jobs name and the manifest does not, because nothing that it looks at imports
their modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_tandem.config.boot import boot
from django_tandem.config.read import read
from django_tandem.release.inside import signatures


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """`paths` → `tasks`: the signature of each that is a task."""
    boot(read(), None)
    return {"tasks": signatures.of_paths(request["paths"])}
