"""The PostgreSQL of a benchmark run: TANDEM_BENCH_SERVER_URL, or the embedded one in .tandem/bench-postgres."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from django_tandem.processes.postgres import start_embedded

HOME = Path(__file__).parent.parent / ".tandem"


def server() -> str:
    """The address of the server; the embedded one runs until this process ends."""
    return os.environ.get("TANDEM_BENCH_SERVER_URL") or start_embedded(HOME / "bench-postgres")


def fresh(address: str, name: str) -> str:
    """A new, empty database `name` on the server at `address`: its own address."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_conninfo(address, dbname=name)


def settle(address: str, within_s: float = 30.0) -> None:
    """Let the server at `address` come to rest, so that no figure pays for what was measured before it: its pages are
    written, and no autovacuum is at work."""
    busy = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker')"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and connection.execute(busy).fetchone() == (True,):
            time.sleep(0.1)


def describe(address: str) -> dict[str, str]:
    """What a reader must know of the server: version and how it writes."""
    with psycopg.connect(address) as connection:
        return {
            name: (connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone() or ("",))[0]
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        }
