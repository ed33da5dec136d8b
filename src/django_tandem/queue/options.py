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

RETENTION = timedelta(days=30)
MEBIBYTE = 1024 * 1024
LONGEST_DAYS = 3650
KNOWN = ("database", "patience", "strict", "max_bytes", "retention_days")


@dataclass(frozen=True, kw_only=True)
class Options:
    """OPTIONS of one backend. `patience`: the time that a level is worth, by queue; `max_bytes`: of arguments;
    `retention`: how long results are kept."""

    database: str = "default"
    patience: Mapping[str, timedelta] = field(default_factory=dict)
    max_bytes: int = MEBIBYTE
    retention: timedelta = RETENTION

    def patience_of(self, queue: str) -> timedelta:
        """What a level is worth in `queue`."""
        return self.patience.get(queue, DEFAULT_PATIENCE)


def parse(alias: str, options: Mapping[str, Any]) -> Options:
    """Options from TASKS[alias]["OPTIONS"]: database (an alias), patience (seconds by queue), strict (names of queues),
    max_bytes, retention_days. Raises ImproperlyConfigured, which names the key and what would be right."""
    where = f"TASKS[{alias!r}]['OPTIONS']"
    for key in options:
        if key not in KNOWN:
            raise ImproperlyConfigured(f"{where}[{key!r}] is not known; expected one of {', '.join(KNOWN)}")
    database = options.get("database", "default")
    if not isinstance(database, str):
        raise ImproperlyConfigured(f"{where}['database'] is {database!r}; expected the alias of a database")
    max_bytes = options.get("max_bytes", MEBIBYTE)
    if type(max_bytes) is not int or max_bytes < 1:
        raise ImproperlyConfigured(f"{where}['max_bytes'] is {max_bytes!r}; expected a number of bytes above 0")
    days = options.get("retention_days", RETENTION.days)
    if type(days) is not int or not 1 <= days <= LONGEST_DAYS:
        raise ImproperlyConfigured(
            f"{where}['retention_days'] is {days!r}; expected a number of days from 1 to {LONGEST_DAYS}"
        )
    patience = _patience(where, options)
    return Options(database=database, patience=patience, max_bytes=max_bytes, retention=timedelta(days=days))


def _patience(where: str, options: Mapping[str, Any]) -> dict[str, timedelta]:
    by_queue, strict = options.get("patience", {}), options.get("strict", ())
    if not isinstance(by_queue, Mapping):
        raise ImproperlyConfigured(f"{where}['patience'] is {by_queue!r}; expected seconds by queue")
    if not isinstance(strict, (list, tuple, set, frozenset)):
        raise ImproperlyConfigured(f"{where}['strict'] is {strict!r}; expected a list of queues")
    most = STRICT_PATIENCE.total_seconds()
    for queue, seconds in by_queue.items():
        if type(seconds) not in (int, float) or not 0 < seconds <= most:
            raise ImproperlyConfigured(
                f"{where}['patience'][{queue!r}] is {seconds!r}; expected seconds above 0 and at most {most:.0f}"
            )
    patience = {queue: timedelta(seconds=seconds) for queue, seconds in by_queue.items()}
    return {**patience, **dict.fromkeys(strict, STRICT_PATIENCE)}


def queue_options() -> Options:
    """The options of the first backend in settings.TASKS that is Tandem's; the defaults where none is."""
    for alias, params in getattr(settings, "TASKS", {}).items():
        if params.get("BACKEND") == BACKEND:
            return parse(alias, params.get("OPTIONS", {}))
    return Options()


def queue_database() -> str:
    """The alias of the database that carries the queue."""
    return queue_options().database
