"""Every problem of a two-server set-up that settings can show, as Django system checks with stable ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.utils import Error as DatabaseError

from django_tandem.config.read import read
from django_tandem.config.schema import AsyncServer, Tandem

LOCAL_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
# Which tells `tandem check` not to ask the database more.
UNUSABLE = "tandem.E006"

FILE_CACHE = "filebased.FileBasedCache"

# Beside one for each slot: an async worker listens and claims, and its coroutines share one thread for the ORM; every
# server has a keeper that writes samples too, and with loops of its own.
WORKER_CONNECTIONS = 2
KEEPER_CONNECTIONS = {"backoffice": 2, "async": 5}


def check_settings(**_: Any) -> list[CheckMessage]:
    """DEBUG, caches and sessions that two servers cannot share."""
    return [*_debug(), *_caches(), *_sessions()]


def check_queues(**_: Any) -> list[CheckMessage]:
    """Every declared queue has a role that consumes it."""
    tandem = read()
    consumed = {
        queue
        for role in tandem.file.roles.values()
        if isinstance(role, AsyncServer)
        for queue in tandem.queues_of(role)
    }
    return [
        Error(
            f"queues.{name}: no role consumes it, so its jobs wait forever.",
            hint=f"Add {name!r} to the queues of a role of kind async, or remove [queues.{name}].",
            id="tandem.E008",
        )
        for name in tandem.file.queues
        if name not in consumed
    ]


def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The queue's database answers, and grants as many connections as all roles may open."""
    tandem = read()
    if tandem.alias not in (databases or ()):
        return []
    try:
        with connections[tandem.alias].cursor() as cursor:
            cursor.execute(
                "SELECT least("
                " current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int"
                " - coalesce(current_setting('reserved_connections', true)::int, 0),"
                " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user),"
                " (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))"
            )
            (granted,) = cursor.fetchone()
    except (DatabaseError, ImproperlyConfigured) as error:
        first = " ".join(str(error).split())
        return [
            Error(
                f'DATABASES["{tandem.alias}"] cannot be used: {first}',
                hint="Start the database, or correct its address (TANDEM_DATABASE_URL overrides it); "
                "where none is configured, `tandem up` starts one.",
                id=UNUSABLE,
            )
        ]
    needed = connections_needed(tandem)
    if sum(needed.values()) <= granted:
        return []
    parts = " + ".join(f"{count} ({name})" for name, count in needed.items())
    return [
        Error(
            f"All roles together may open {parts} = {sum(needed.values())} connections; the database grants {granted}.",
            hint="Lower processes or threads of a role, or let the database grant more: max_connections, or the "
            "connection limit of its user or of itself.",
            id="tandem.E007",
        )
    ]


def connections_needed(tandem: Tandem) -> dict[str, int]:
    """The most connections that each role may open, by role."""
    needed = {}
    for name, role in tandem.file.roles.items():
        each = role.threads
        if isinstance(role, AsyncServer):
            each += WORKER_CONNECTIONS + (role.coroutines > 0)
        needed[name] = role.processes * each + KEEPER_CONNECTIONS[role.kind]
    return needed


def _debug() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error(
            "DEBUG is on: Django keeps every query of a worker in memory, and shows settings to strangers.",
            hint="Set DEBUG = False.",
            id="tandem.E005",
        )


def _caches() -> Iterator[CheckMessage]:
    for alias, cache in settings.CACHES.items():
        backend = cache.get("BACKEND", "")
        if backend.endswith(LOCAL_CACHES):
            yield Warning(
                f'CACHES["{alias}"] is {backend.rpartition(".")[2]}: each process has its own, '
                "so what one server caches, or deletes, the other does not see.",
                hint="Use django.core.cache.backends.db.DatabaseCache, Redis or Memcached.",
                id="tandem.W002",
            )
        elif backend.endswith(FILE_CACHE):
            yield Warning(
                f'CACHES["{alias}"] is FileBasedCache: locks and entries in files hold on one host only.',
                hint="Use django.core.cache.backends.db.DatabaseCache, Redis or Memcached.",
                id="tandem.W004",
            )


def _sessions() -> Iterator[CheckMessage]:
    engine = settings.SESSION_ENGINE
    cache = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND", "")
    if engine.endswith("backends.file") or (engine.endswith("backends.cache") and cache.endswith(LOCAL_CACHES)):
        yield Error(
            f"SESSION_ENGINE is {engine}: a person who is logged in on one server or process is not on another.",
            hint='Set SESSION_ENGINE = "django.contrib.sessions.backends.db".',
            id="tandem.E003",
        )
