"""The settings of a trial: the project's, with every PostgreSQL of theirs on the scratch server.

DJANGO_SETTINGS_MODULE of the project's own tests and of its migrations' trial; $TANDEM_DATABASE_URL is the scratch's.
"""

from __future__ import annotations

from typing import Any

from django_tandem.config.overlay import load
from django_tandem.config.read import read

# They would lead a connection elsewhere, or ask of a scratch server what it has not.
_ELSEWHERE = ("service", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "host", "hostaddr", "port")


def moved(databases: dict[str, dict[str, Any]], alias: str) -> dict[str, dict[str, Any]]:
    """`databases` with those of PostgreSQL where `alias` is, each with a name of its own there."""
    scratch = databases[alias]
    kinds = ("postg", "timescale")
    return {
        name: {
            **database,
            "NAME": scratch["NAME"] if name == alias else f"{scratch['NAME']}_{name}",
            **{key: scratch.get(key, "") for key in ("HOST", "PORT", "USER", "PASSWORD")},
            "OPTIONS": {key: value for key, value in database.get("OPTIONS", {}).items() if key not in _ELSEWHERE},
        }
        if any(kind in database.get("ENGINE", "") for kind in kinds)
        else database
        for name, database in databases.items()
    }


_loaded = load()
globals().update(_loaded, DATABASES=moved(_loaded["DATABASES"], read().alias))
