"""What settings.TASKS says of the queue: the OPTIONS of Tandem's backend, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_tandem.queue.encryption import Encryption
from django_tandem.queue.priority import DEFAULT_PATIENCE, STRICT_PATIENCE
from django_tandem.queue.tasks_api import DEFAULT_TASK_QUEUE_NAME

BACKEND = "django_tandem.queue.backend.TandemBackend"

RETENTION = timedelta(days=30)
MEBIBYTE = 1024 * 1024
LONGEST_DAYS = 3650
KNOWN = ("database", "patience", "strict", "max_bytes", "retention_days", "encrypt_keys", "decrypt_keys")


@dataclass(frozen=True, kw_only=True)
class Options:
    """OPTIONS of one backend. `patience`: the time that a level is worth, by queue; `max_bytes`: of a job's
    arguments, and of what it returns; `retention`: how long results are kept; `encrypt_keys`: of which the first
    encrypts; `decrypt_keys`: which only decrypt."""

    database: str = "default"
    patience: Mapping[str, timedelta] = field(default_factory=dict)
    max_bytes: int = MEBIBYTE
    retention: timedelta = RETENTION
    encrypt_keys: tuple[str, ...] = field(default=(), repr=False)
    decrypt_keys: tuple[str, ...] = field(default=(), repr=False)
    alias: str = field(default="default", compare=False)

    def patience_of(self, queue: str) -> timedelta:
        """What a level is worth in `queue`."""
        return self.patience.get(queue, DEFAULT_PATIENCE)

    @cached_property
    def encryption(self) -> Encryption | None:
        """By the keys; None where there are none. Raises ConfigurationError."""
        if not (self.encrypt_keys or self.decrypt_keys):
            return None
        return Encryption(self.encrypt_keys, self.decrypt_keys, where=f"{_where(self.alias)}: ")


def parse(alias: str, options: Mapping[str, Any]) -> Options:
    """Options from TASKS[alias]["OPTIONS"]: database (an alias), patience (seconds by queue), strict (names of queues),
    max_bytes, retention_days, encrypt_keys and decrypt_keys (lists of Fernet keys, newest first). Raises
    ImproperlyConfigured, which names the key and what would be right."""
    where = _where(alias)
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
    return Options(
        database=database,
        patience=patience,
        max_bytes=max_bytes,
        retention=timedelta(days=days),
        encrypt_keys=_keys(where, "encrypt_keys", options),
        decrypt_keys=_keys(where, "decrypt_keys", options),
        alias=alias,
    )


def _where(alias: str) -> str:
    return f"TASKS[{alias!r}]['OPTIONS']"


def _keys(where: str, option: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Without a word of what the keys are."""
    keys = options.get(option, ())
    if not isinstance(keys, (list, tuple)) or not all(isinstance(key, (str, bytes)) for key in keys):
        raise ImproperlyConfigured(f"{where}[{option!r}] is of type {type(keys).__name__}; expected a list of keys")
    return tuple(key.decode(errors="replace") if isinstance(key, bytes) else key for key in keys)


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


def queue_names() -> frozenset[str]:
    """The queues that settings.TASKS declares for backends that are Tandem's."""
    ours = (params for params in getattr(settings, "TASKS", {}).values() if params.get("BACKEND") == BACKEND)
    return frozenset(queue for params in ours for queue in params.get("QUEUES", [DEFAULT_TASK_QUEUE_NAME]))


def queue_database() -> str:
    """The alias of the database that carries the queue."""
    return queue_options().database
