"""What settings.TASKS says of the queue: the OPTIONS of Tandem's backend, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_tandem.queue.priority import DEFAULT_PATIENCE, STRICT_PATIENCE

BACKEND = "django_tandem.queue.backend.TandemBackend"

MEBIBYTE = 1024 * 1024
KNOWN = ("database", "patience", "strict", "max_bytes")


@dataclass(frozen=True, kw_only=True)
class Options:
    """OPTIONS of one backend. `patience`: the time that a level is worth, by queue; `max_bytes`: of arguments."""

    database: str = "default"
    patience: Mapping[str, timedelta] = field(default_factory=dict)
    max_bytes: int = MEBIBYTE

    def patience_of(self, queue: str) -> timedelta:
        """What a level is worth in `queue`."""
        return self.patience.get(queue, DEFAULT_PATIENCE)


def parse(alias: str, options: Mapping[str, Any]) -> Options:
    """Options from TASKS[alias]["OPTIONS"]: database (an alias), patience (seconds by queue), strict (names of queues),
    max_bytes. Raises ImproperlyConfigured, which names the key and what would be right."""
    where = f"TASKS[{alias!r}]['OPTIONS']"
    for key in options:
        if key not in KNOWN:
            raise ImproperlyConfigured(f"{where}[{key!r}] is not known; expected one of {', '.join(KNOWN)}")
    patience = {}
    for queue, seconds in options.get("patience", {}).items():
        if not isinstance(seconds, (int, float)) or seconds <= 0:
            raise ImproperlyConfigured(f"{where}['patience'][{queue!r}] is {seconds!r}; expected seconds above 0")
        patience[queue] = timedelta(seconds=seconds)
    for queue in options.get("strict", ()):
        patience[queue] = STRICT_PATIENCE
    max_bytes = options.get("max_bytes", MEBIBYTE)
    if not isinstance(max_bytes, int) or max_bytes < 1:
        raise ImproperlyConfigured(f"{where}['max_bytes'] is {max_bytes!r}; expected a number of bytes above 0")
    return Options(database=options.get("database", "default"), patience=patience, max_bytes=max_bytes)


def queue_options() -> Options:
    """The options of the first backend in settings.TASKS that is Tandem's; the defaults where none is."""
    for alias, params in getattr(settings, "TASKS", {}).items():
        if params.get("BACKEND") == BACKEND:
            return parse(alias, params.get("OPTIONS", {}))
    return Options()


def queue_database() -> str:
    """The alias of the database that carries the queue."""
    return queue_options().database
