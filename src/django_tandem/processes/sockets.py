"""Listening sockets: bound once by the supervisor, handed to its children."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import psutil

from django_tandem.errors import PortTaken

BACKLOG = 2048


def listen(address: str, what: str) -> socket.socket:
    """A listening socket on `HOST:PORT` or `unix:/path`. `what` it is for is named in errors. Raises PortTaken."""
    if address.startswith("unix:"):
        return _listen_unix(Path(address.removeprefix("unix:")), what)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, int(port)))
        listening.listen(BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        listening.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortTaken(f"{what}: {address} is taken{_by_whom(int(port))}: stop it, or bind elsewhere") from None
        raise PortTaken(f"{what}: cannot listen on {address}: {error}") from None
    return listening


def remove(address: str) -> None:
    """Nobody listens there any more: the file of a Unix socket goes."""
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)


def _listen_unix(path: Path, what: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()  # left by a process that was killed
        listening.bind(os.fspath(path))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PortTaken(f"{what}: cannot listen on unix:{path}: {error.strerror or error}") from None
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(os.fspath(path)) == 0


def _by_whom(port: int) -> str:
    """Who listens there, where this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            here = connection.laddr and connection.laddr.port == port
            if here and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
