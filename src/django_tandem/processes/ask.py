"""Ask a server over HTTP, at HOST:PORT or on a Unix socket."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from typing import NamedTuple

TIMEOUT_S = 2.0


class Answer(NamedTuple):
    """Status and body of a page."""

    status: int
    body: bytes


def get(
    address: str, path: str, *, timeout_s: float = TIMEOUT_S, headers: Mapping[str, str] | None = None
) -> Answer | None:
    """The page at `path` of the server at `address` (HOST:PORT or unix:/path); None: it does not answer within
    `timeout_s`, or not with HTTP. `headers` may name another Host than the address."""
    where = "localhost" if address.startswith("unix:") else address
    connection = http.client.HTTPConnection(where, timeout=timeout_s)
    try:
        if address.startswith("unix:"):
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(timeout_s)
            connection.sock.connect(address.removeprefix("unix:"))
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
