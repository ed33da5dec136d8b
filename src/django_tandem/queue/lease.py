"""The lease: a server's heartbeat is the right to finish its jobs, and what happens to them when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import psycopg
from psycopg import errors as postgres

from django_tandem.errors import NotMigrated
from django_tandem.queue import events
from django_tandem.queue.connect import Connection
from django_tandem.queue.job import MOST_DEATHS
from django_tandem.queue.statements import statement

# How often a server renews, and after how long without it is taken for dead.
RENEW_S = 5.0
LEASE = timedelta(seconds=15)


def register(
    connection: Connection, *, role: str, host: str, pid: int, release: str, config_digest: str, state: str
) -> int:
    """Enter a server and return its id. Raises NotMigrated when Tandem's tables are missing."""
    row = {
        "role": role,
        "host": host,
        "pid": pid,
        "release": release,
        "config_digest": config_digest,
        "state": state,
    }
    try:
        (server,) = connection.execute(statement("lease", "register"), row).fetchone() or ()
    except (postgres.UndefinedTable, postgres.UndefinedColumn) as error:
        raise NotMigrated(
            f"Tandem's tables are missing or old ({error.diag.message_primary}); run: tandem manage migrate"
        ) from None
    return int(server)


def renew(connection: Connection, server: int, state: str) -> None:
    """The heartbeat: renew the lease of all that the server runs. `state`: starting, standby, active, draining."""
    connection.execute(statement("lease", "renew"), {"server": server, "state": state})


def put_back(
    connection: Connection, server: int, worker: int, begun: Sequence[int], reason: str = "its worker process died"
) -> int:
    """A worker process (`worker` is its process id) is gone: its jobs return at once, and the number is returned.

    The jobs in `begun` keep the attempt counted; what had been claimed and not begun does not. Where one of them is a
    suspect, workers having died under it before, this death is its own, and the others are innocent. A job under
    which workers died MOST_DEATHS times ends as failed, with the reason.
    """
    with connection.transaction():
        rows = connection.execute(
            statement("lease", "return_unbegun"), {"server": server, "worker": worker, "begun": list(begun)}
        ).fetchall()
        parameters = {"server": server, "worker": worker, "reason": reason, "most": MOST_DEATHS}
        rows += connection.execute(statement("lease", "return_innocent"), parameters).fetchall()
        rows += _return_begun(connection, server, worker, reason)
    return _report(server, rows, reason)


def retire(connection: Connection, server: int) -> int:
    """The server ends: all that it still holds returns, and the number is returned; its state is stopped."""
    return _end(connection, server, "its server stopped", silent=False)


def rescue_silent(connection: Connection, lease: timedelta = LEASE, *, ownerless: bool = True) -> int:
    """Return the jobs of all servers that have not renewed for `lease`, by the database's clock; and their number.

    `ownerless`: also those whose server had stopped before; that looks at all that runs. Of several rescuers one takes
    each server.
    """
    returned = 0
    with connection.transaction():
        for server, role, host, pid in connection.execute(statement("lease", "silent"), {"lease": lease}).fetchall():
            events.server_silent(server, role, host, pid)
            reason = f"its server ({role} on {host}) has been silent for {lease}"
            returned += _end(connection, server, reason, silent=True)
        for (server,) in connection.execute(statement("lease", "ownerless")).fetchall() if ownerless else ():
            returned += _end(connection, server, "its server had stopped", silent=None)
    return returned


def _end(connection: Connection, server: int, reason: str, *, silent: bool | None) -> int:
    with connection.transaction():
        connection.execute(statement("lease", "stop"), {"server": server, "silent": silent})
        return _report(server, _return_begun(connection, server, None, reason), reason)


def _return_begun(
    connection: Connection, server: int, worker: int | None, reason: str
) -> list[tuple[str, int, psycopg.adapt.Buffer]]:
    parameters = {"server": server, "worker": worker, "reason": reason, "most": MOST_DEATHS}
    for (job,) in connection.execute(statement("lease", "bury"), parameters).fetchall():
        events.buried(server, job, MOST_DEATHS)
    return connection.execute(statement("lease", "return_begun"), parameters).fetchall()


def _report(server: int, rows: list[tuple[str, int, psycopg.adapt.Buffer]], reason: str) -> int:
    for queue, jobs, _ in rows:
        events.returned(server, queue, jobs, reason)
    return sum(jobs for _, jobs, _ in rows)
