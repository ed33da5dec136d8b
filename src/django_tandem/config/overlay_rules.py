"""What a role may change: a closed list, each entry with its reason. Everything else is shared by construction."""

from __future__ import annotations

from fnmatch import fnmatchcase

from django_tandem.config.schema import File

SETTINGS = {
    "DATABASES.*.USER": "a database role for each server, so that limits and grants can differ",
    "DATABASES.*.PASSWORD": "the password of that role",
    "DATABASES.*.CONN_MAX_AGE": "tasks and requests keep connections for different times",
    "DATABASES.*.CONN_HEALTH_CHECKS": "the same",
    "DATABASES.*.OPTIONS.pool": "pool sizes follow the number of threads",
    "DATABASES.*.OPTIONS.pool.*": "the same",
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
    return any(fnmatchcase(key, pattern) for pattern in (*SETTINGS, *file.overlay.allow))


def may_set(variable: str, file: File) -> bool:
    """Whether a role may set the environment variable."""
    return variable in ENVIRONMENT or f"environment.{variable}" in file.overlay.allow


def refusals(file: File) -> list[str]:
    """What roles change beyond the list, each with the way out."""
    wrong = []
    for name, role in file.roles.items():
        wrong += [
            f"roles.{name}.settings.{key}: shared by all roles; to let roles differ in it, add {key!r} to overlay.allow"
            for key in role.settings
            if not may_change(key, file)
        ]
        for variable in role.environment:
            if any(fnmatchcase(variable, own) for own in OWN_ENVIRONMENT):
                wrong.append(f"roles.{name}.environment.{variable}: set by Tandem itself; remove it")
            elif not may_set(variable, file):
                wrong.append(
                    f"roles.{name}.environment.{variable}: shared by all roles; to let roles differ in it, "
                    f'add "environment.{variable}" to overlay.allow'
                )
    return wrong
