"""The project: what its tandem.toml says, read once a process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from django_tandem.config.read import read
from django_tandem.config.schema import Tandem


def tandem() -> Tandem:
    """The configuration of this process. Raises ConfigurationError."""
    return _read(os.environ.get("TANDEM_CONFIG"))


@cache
def _read(path: str | None) -> Tandem:
    return read(Path(path) if path else None)
