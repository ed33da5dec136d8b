"""Role → effective settings: the project's own, the few values that the role changes, and Tandem's apps."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping, MutableMapping, Set
from pathlib import Path
from typing import Any

import django
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from django_tandem.config import overlay_rules, problems
from django_tandem.config.read import check_role, read, role_environment
from django_tandem.config.schema import RoleBase, Tandem
from django_tandem.errors import ConfigurationError
from django_tandem.processes.postgres import start_embedded

# Where the embedded PostgreSQL keeps its data, below the project's folder.
EMBEDDED = Path(".tandem", "postgres")
POSTGRESQL = "django.db.backends.postgresql"
BACKEND = "django_tandem.queue.backend.TandemBackend"
ENTRANCE = "django_tandem.monitor.dashboard.entrance.Entrance"
NOTE_REQUESTS = "django_tandem.monitor.requests.NoteRequests"
_MARK = "TANDEM_RELEASE"


def load() -> dict[str, Any]:
    """The settings of the role in $TANDEM_ROLE (none: what all roles share), from the project's own module.

    The role's environment values are set before that module is imported, because old settings read the environment.
    """
    tandem = read()
    role = _take_role(tandem)
    module = importlib.import_module(tandem.file.app.settings)
    base = {name: value for name, value in vars(module).items() if name.isupper()}
    return base if _MARK in base else effective(tandem, role, base)


def apply(namespace: MutableMapping[str, Any]) -> None:
    """The explicit form, as the last line of a project's own settings: `apply(globals())`.

    Where they were not loaded by Tandem, only what reads the environment after them sees the role's values in it.
    """
    tandem = read()
    role = _take_role(tandem)
    base = {name: value for name, value in namespace.items() if name.isupper()}
    namespace.update(effective(tandem, role, base))


def _take_role(tandem: Tandem) -> str | None:
    """The role in $TANDEM_ROLE, its environment values set."""
    role = os.environ.get("TANDEM_ROLE") or None
    if role:
        check_role(tandem, role)
        os.environ.update(role_environment(tandem, role))
    return role


def effective(tandem: Tandem, role: str | None, base: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `role` changes, the queue's database, Tandem's apps and its task backend."""
    settings = dict(base)
    settings[_MARK] = tandem.release
    settings["DATABASES"] = _databases(tandem, base.get("DATABASES", {}))
    settings["INSTALLED_APPS"] = _installed_apps(base.get("INSTALLED_APPS", []))
    settings["TASKS"] = _tasks(tandem, base.get("TASKS", {}))
    settings["TANDEM_APP"] = tandem.file.app.name
    settings["TANDEM_DASHBOARD"] = tandem.file.monitor.dashboard
    settings["TANDEM_PAGE_PROMISE"] = tandem.file.monitor.page_promise
    settings["TANDEM_QUEUE_PROMISES"] = {name: queue.promise for name, queue in tandem.file.queues.items()}
    settings["MIDDLEWARE"] = _middleware(tandem, base.get("MIDDLEWARE", []))
    if tandem.file.notices:
        # Who wants to hear of what; where it is sent, whoever sends it reads.
        settings["TANDEM_NOTICES"] = {name: list(notice.events) for name, notice in tandem.file.notices.items()}
    if not base.get("LOGGING") and _some_role_changes_logging(tandem):
        # Python demands a version, and roles are to differ in nothing but what they change.
        settings["LOGGING"] = {"version": 1, "disable_existing_loggers": False}
    if role is not None:
        changes = tandem.file.roles[role]
        for key, value in changes.settings.items():
            path = f"roles.{role}.settings.{key}"
            _refuse_unknown_database(key, path, {*settings["DATABASES"], tandem.alias})
            _set(settings, key, value, path)
        if changes.statement_timeout is not None:
            _limit_statements(settings["DATABASES"], changes)
    _tag_log_records(_log_tag(tandem, role))
    return settings


def names_database(tandem: Tandem) -> bool:
    """Whether the project, or $TANDEM_DATABASE_URL, says where the database is that carries Tandem's tables.

    Imports the project's settings module, and raises what that raises.
    """
    if tandem.database_url is not None:
        return True
    module = importlib.import_module(tandem.file.app.settings)
    return bool(getattr(module, "DATABASES", {}).get(tandem.alias, {}).get("ENGINE"))


def _databases(tandem: Tandem, base: Mapping[str, Any]) -> dict[str, Any]:
    databases = {alias: dict(database) for alias, database in base.items()}
    alias = tandem.alias
    engine = databases.get(alias, {}).get("ENGINE", "")
    url = tandem.database_url.get_secret_value() if tandem.database_url else None
    if url is None and not engine and (embedded := tandem.root / EMBEDDED).exists():
        # `tandem up` made it: commands beside it mean the same one. It is joined, or started for as long as they run.
        url = start_embedded(embedded)
    if engine and "postg" not in engine:
        raise ConfigurationError(
            [
                (
                    f'database.alias: DATABASES["{alias}"] is {engine}, expected PostgreSQL; '
                    'name another alias, such as "tandem", to keep the queue in a database of its own'
                )
            ]
        )
    if url is not None:
        parts = _parts_of(url)
        known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        database = {**databases.get(alias, {}), "ENGINE": engine or POSTGRESQL}
        database.update({name: str(parts.pop(part)) for part, name in known.items() if part in parts})
        if parts:
            database["OPTIONS"] = {**database.get("OPTIONS", {}), **parts}
        databases[alias] = database
    return databases


def _parts_of(url: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(url)
    except ProgrammingError:  # its text repeats the address, and the password in it
        expected = "expected postgresql://USER:PASSWORD@HOST:PORT/NAME"
        raise ConfigurationError([f"TANDEM_DATABASE_URL: not the address of a PostgreSQL, {expected}"]) from None


def _installed_apps(base: list[str] | tuple[str, ...]) -> list[str]:
    apps = list(base)
    wanted = ["django_tandem.config", "django_tandem.queue", "django_tandem.pipeline", "django_tandem.monitor"]
    if django.VERSION < (6, 0):
        wanted.insert(0, "django_tasks")
    return apps + [app for app in wanted if app not in apps]


def _middleware(tandem: Tandem, base: list[str] | tuple[str, ...]) -> list[str]:
    """The project's own; before them what notes how long all of that takes, and as the last one what lets people in to
    the dashboard."""
    own = [one for one in base if one not in (NOTE_REQUESTS, ENTRANCE)]
    return [NOTE_REQUESTS, *own] + ([ENTRANCE] if tandem.file.monitor.dashboard else [])


def _tasks(tandem: Tandem, base: Mapping[str, Any]) -> dict[str, Any]:
    """All of the project's task backends, with Tandem's as the default, or beside it; its queues are those of
    tandem.toml."""
    queues = tandem.file.queues
    options = {
        "database": tandem.alias,
        "patience": {name: queue.patience for name, queue in queues.items()},
        "strict": [name for name, queue in queues.items() if queue.strict],
        "retention_days": tandem.file.database.retention_days,
        **{name: [key.get_secret_value() for key in keys] for name, keys in tandem.queue_keys.items()},
    }
    alias = "default" if tandem.file.app.tasks == "tandem" else "tandem"
    return {**base, alias: {"BACKEND": BACKEND, "QUEUES": list(queues), "OPTIONS": options}}


def _some_role_changes_logging(tandem: Tandem) -> bool:
    return any(overlay_rules.words(key)[0] == "LOGGING" for role in tandem.file.roles.values() for key in role.settings)


def _refuse_unknown_database(key: str, path: str, known: Set[str]) -> None:
    # Set, it would be a database without an engine, and nothing would say that it was misspelt.
    first, *rest = overlay_rules.words(key)
    if first == "DATABASES" and rest and rest[0] not in known:
        raise ConfigurationError([f"{path}: there is no DATABASES.{rest[0]}, {problems.suggest(rest[0], known)}"])


def _set(settings: dict[str, Any], key: str, value: Any, path: str) -> None:
    """Set a dotted key, copying the tables on the way to it: the project's own objects are not touched.

    Raises ConfigurationError, which names the key's `path` in tandem.toml, where the project has no table there.
    """
    *tables, last = overlay_rules.words(key)
    table = settings
    for done, name in enumerate(tables, 1):
        within = table.get(name, {})
        if not isinstance(within, Mapping):
            at = ".".join(tables[:done])
            raise ConfigurationError([f"{path}: the project's {at} is a {type(within).__name__}, not a table of keys"])
        table[name] = dict(within)
        table = table[name]
    table[last] = value


def _limit_statements(databases: dict[str, Any], role: RoleBase) -> None:
    limit = f"-c statement_timeout={round((role.statement_timeout or 0) * 1000)}"
    for database in databases.values():
        if "postg" in database.get("ENGINE", ""):
            options = dict(database.get("OPTIONS", {}))
            options["options"] = f"{options.get('options', '')} {limit}".strip()
            database["OPTIONS"] = options


def _log_tag(tandem: Tandem, role: str | None) -> str:
    # Commands have no role, and a formatter that names the tag needs one.
    return tandem.file.app.name if role is None else tandem.file.roles[role].log_tag or role


def _tag_log_records(tag: str) -> None:
    """Give every log record an attribute `log_tag`, for the project's formatters: `%(log_tag)s`."""
    make = logging.getLogRecordFactory()

    def make_tagged(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.log_tag = tag
        return record

    logging.setLogRecordFactory(make_tagged)
