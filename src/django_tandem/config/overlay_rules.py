"""What a role may change: a closed list, each entry with its reason. Everything else is shared by construction."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from django_tandem.config.schema import File

SETTINGS = {
    "DATABASES.*.USER": "a database role for each server, so that limits and grants can differ",
    "DATABASES.*.PASSWORD": "the password of that role",
    "DATABASES.*.CONN_MAX_AGE": "tasks and requests keep connections for different times",
    "DATABASES.*.CONN_HEALTH_CHECKS": "the same",
    "DATABASES.*.OPTIONS.pool": "pool sizes follow the number of threads",
    "DATABASES.*.OPTIONS.application_name": "so that the database's own views tell the servers apart",
    "LOGGING.root.level": "one server may need to say more than the other",
    "LOGGING.loggers.*.level": "the same",
}
ENVIRONMENT = {
    "PGUSER": "a database role for each server",
    "PGPASSWORD": "the password of that role",
    "PGAPPNAME": "so that the database's own views tell the servers apart",
    "OMP_NUM_THREADS": "numeric libraries start a thread a core unless told otherwise",
    "MALLOC_ARENA_MAX": "memory of processes with many threads",
    "PYTHONUNBUFFERED": "how a server's output is collected",
}
# Kept apart from `environment`, because Tandem itself sets them for each server.
OWN_ENVIRONMENT = ("TANDEM_*", "DJANGO_SETTINGS_MODULE")


def may_change(key: str, file: File) -> bool:
    """Whether a role may change the setting `key`, a dotted path such as DATABASES.default.USER."""
    return any(_covers(pattern, key) for pattern in (*SETTINGS, *file.overlay.allow))


def may_set(variable: str, file: File) -> bool:
    """Whether a role may set the environment variable."""
    return variable in ENVIRONMENT or any(_covers(pattern, f"environment.{variable}") for pattern in file.overlay.allow)


def words(key: str) -> list[str]:
    """The names in a dotted key, outermost first. A logger's name has dots itself."""
    first, *rest = key.split(".")
    if first == "LOGGING" and rest[:1] == ["loggers"] and len(rest) > 2:
        return [first, "loggers", ".".join(rest[1:-1]), rest[-1]]
    return [first, *rest]


def _covers(pattern: str, key: str) -> bool:
    """Whether `pattern` is `key` or a table that holds it. `*` stands for one name, or for a part of one."""
    wanted, names = words(pattern), words(key)
    return len(wanted) <= len(names) and all(map(fnmatchcase, names, wanted))


def refusals(file: File) -> list[str]:
    """What roles change beyond the list, each with the way out."""
    wrong = []
    for name, role in file.roles.items():
        wrong += [
            f"roles.{name}.settings.{key}: {_way_out(key, value)}"
            for key, value in role.settings.items()
            if not may_change(key, file)
        ]
        for variable in role.environment:
            if any(fnmatchcase(variable, own) for own in OWN_ENVIRONMENT):
                wrong.append(f"roles.{name}.environment.{variable}: set by Tandem itself; remove it")
            elif not may_set(variable, file):
                wrong.append(
                    f"roles.{name}.environment.{variable}: shared by all roles; to let roles differ in it, "
                    f"add 'environment.{variable}' to overlay.allow"
                )
    return wrong


def _way_out(key: str, value: Any) -> str:
    permitted = [pattern for pattern in SETTINGS if pattern.startswith(f"{key}.")]
    if isinstance(value, Mapping) and permitted:
        # TOML reads DATABASES.default.USER as tables within tables.
        example = permitted[0].replace("*", "default")
        return f'a table, expected dotted keys in quotation marks, such as "{example}"'
    return f"shared by all roles; to let roles differ in it, add {key!r} to overlay.allow"
