"""The queue's own connections: psycopg's, made from Django's DATABASES, without Django's wrapper around them."""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import Any

import psycopg
from django.db import connections
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from django_tandem.errors import DatabaseUnreachable

CONNECT_TIMEOUT_S = 5

# A host that vanished without a word is noticed by what is sent to it, and by what it does not say, within this time.
_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}

# Django's own wishes for the connections that it makes; ours are plain.
_DJANGO_ONLY = (
    "cursor_factory",
    "context",
    "prepare_threshold",
    "isolation_level",
    "server_side_binding",
    "assume_role",
)

# The queue's statements have one good plan each: by index. Planned once, and never away from the index because
# statistics are missing or because the table was empty when they were gathered.
_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(alias: str, *, purpose: str) -> Connection:
    """A connection of its own to the database `alias`: autocommit, UTC, plans pinned to the indexes.

    `purpose` is what pg_stat_activity shows after "tandem ". Raises DatabaseUnreachable.
    """
    wrapper: Any = connections[alias]
    if wrapper.settings_dict["ENGINE"] in ("", "django.db.backends.dummy"):
        raise DatabaseUnreachable(
            f"DATABASES[{alias!r}] names no database: run `tandem up`, which starts one, or set TANDEM_DATABASE_URL"
        )
    if wrapper.vendor != "postgresql":
        raise DatabaseUnreachable(
            f"DATABASES[{alias!r}] is {wrapper.vendor}; expected PostgreSQL: "
            "set database.alias in tandem.toml to one that is"
        )
    params = {key: value for key, value in wrapper.get_connection_params().items() if key not in _DJANGO_ONLY}
    params = {"connect_timeout": CONNECT_TIMEOUT_S, **_KEEPALIVE, **params}
    params["application_name"] = f"tandem {purpose}"[:63]
    settings = " ".join(f"-c {name}={value}" for name, value in {**_PLANS, "TimeZone": "UTC"}.items())
    # Ours last: a pool's or a role's statement_timeout stays, the plans are ours.
    params["options"] = f"{params.get('options', '')} {settings}".strip()
    try:
        connection: Connection = psycopg.connect(**params, autocommit=True, prepare_threshold=0)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(f"the database {address(alias)} does not answer: {_first_line(error)}") from None
    # One width for all integers, so that one prepared statement serves small ids and large ones. Lists of them go as
    # text: else a statement's second list would have the width of what is in its first.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    return connection


def shut_down(connection: Connection) -> None:
    """End the conversation from outside: a thread that waits on `connection` gets an error at once."""
    with (
        suppress(psycopg.OperationalError, OSError),  # it ended by itself
        socket.socket(fileno=os.dup(connection.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)


def address(alias: str) -> str:
    """Where DATABASES[alias] is, for a message: never with its password."""
    wanted = connections[alias].settings_dict
    host = wanted.get("HOST") or f"local socket of {socket.gethostname()}"
    port = f":{wanted['PORT']}" if wanted.get("PORT") else ""
    return f"{wanted.get('NAME')} on {host}{port}"


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return re.sub(r"(password|passfile)=\S+", r"\1=…", text, flags=re.IGNORECASE)
