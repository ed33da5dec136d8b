"""A PostgreSQL for a moment. A trial creates, fills and drops databases: it never does so where production's are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from django_tandem.config import secrets
from django_tandem.config.schema import Tandem
from django_tandem.errors import DatabaseUnreachable
from django_tandem.processes.postgres import embedded

NAME = "tandem_trial"


@contextmanager
def scratch(tandem: Tandem, folder: Path) -> Iterator[str]:
    """The URL of an empty database, which is gone afterwards.

    It is on an embedded PostgreSQL in `folder`, so that not even its load touches another; where
    $TANDEM_TRIAL_DATABASE_URL names a server, it is a new database there. Raises DatabaseUnreachable.
    """
    if tandem.trial_database_url is None:
        with embedded(folder / "postgres") as url, _database(url) as made:
            yield made
    else:
        with _database(tandem.trial_database_url.get_secret_value()) as made:
            yield made


@contextmanager
def _database(server: str) -> Iterator[str]:
    """A new database on `server`; at the end it is dropped, with all whose names begin as its own."""
    name = f"{NAME}_{os.getpid()}_{os.urandom(4).hex()}"
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=10)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        cause = secrets.mask(" ".join(str(error).split()))
        raise DatabaseUnreachable(
            f"the trial has no scratch database: {cause}; TANDEM_TRIAL_DATABASE_URL names a PostgreSQL whose user may "
            "create databases, and without it an embedded one is used"
        ) from error
    with connection:
        try:
            yield _url(server, name)
        finally:
            rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"%{name}%"])
            for (left,) in rows.fetchall():
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(left)))


def _url(server: str, name: str) -> str:
    parts: dict[str, Any] = {**conninfo_to_dict(server), "dbname": name}
    return make_conninfo(**parts)
