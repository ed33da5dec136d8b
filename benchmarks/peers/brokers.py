"""What carries the peers' queues: the PostgreSQL of the benchmarks, and a Redis that writes each change to the disk."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks import database
from benchmarks.peers.environment import NotInstalled

START_S = 20.0


class Postgresql:
    """The server that Tandem's own figures are taken on; each peer has a database there."""

    def __init__(self, server: str) -> None:
        self.server = server

    def fresh(self, name: str) -> str:
        """The URL of a new, empty database for the peer `name`; not every driver knows other forms of address."""
        parts = conninfo_to_dict(database.fresh(self.server, "tandem_peer_" + re.sub(r"\W", "_", name)))
        return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"

    def settle(self, address: str) -> None:
        """Let the planner know what the database holds, and the server come to rest."""
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("ANALYZE")
        database.settle(address)


class Redis:
    """One server on the socket at `path`, with every change in its append-only file, synced before it is answered."""

    def __init__(self, path: Path, version: str) -> None:
        self.address = f"unix://{path}"
        self.version = version

    def fresh(self, name: str) -> str:
        """The address of the server; the peer empties it."""
        return self.address

    def settle(self, address: str) -> None:
        """Nothing: it knows no planner, and writes at once."""


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """A Redis that runs until the block ends, its socket in `folder`. Raises NotInstalled."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotInstalled("redis-server is not installed: make peers installs Debian's where it may")
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=START_S).stdout
    found = re.search(r"v=(\S+)", shown)
    path = folder / "redis.sock"
    listen = ["--port", "0", "--unixsocket", str(path)]
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    with tempfile.TemporaryDirectory(prefix="peers-redis-", dir=database.HOME) as data:  # no memory, as /tmp may be
        with (folder / "redis.log").open("wb") as log:
            server = subprocess.Popen(
                [program, *listen, "--dir", data, *durable], stdout=log, stderr=log, start_new_session=True
            )
        try:
            _until_it_answers(server, path)
            yield Redis(path, found[1] if found else "unknown")
        finally:
            server.kill()
            server.wait()


def _until_it_answers(server: subprocess.Popen[bytes], path: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(path)) == 0:
                client.sendall(b"PING\r\n")
                if client.recv(16).startswith(b"+PONG"):
                    return
        time.sleep(0.05)
    raise NotInstalled(f"redis-server did not answer within {START_S:.0f} s")
