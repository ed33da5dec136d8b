"""`/-/live`, `/-/ready` and `/-/release`: who I am, which release, am I ready."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import TYPE_CHECKING, Any

from django_tandem.serve.identity import Identity

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/-/"
FORWARDED = ("x-forwarded-for", "x-real-ip", "forwarded")


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the answers are made of. `unready` says why the server is not ready, or nothing; `state` is the server's
    own: starting, standby, active, draining."""

    identity: Identity
    token: str | None
    state: Callable[[], str]
    unready: Callable[[], str | None]

    def answer(self, path: str, client: str, headers: Mapping[str, str]) -> tuple[HTTPStatus, dict[str, Any]]:
        """Status and JSON for a path under `/-/`. `headers` by lower-case name; `client` is an address, or "" on a
        Unix socket."""
        if path == "/-/live":
            return HTTPStatus.OK, {"live": True}
        if path == "/-/ready":
            reason = self.unready()
            if reason is not None:
                return HTTPStatus.SERVICE_UNAVAILABLE, {"ready": False, "state": self.state(), "reason": reason}
            return HTTPStatus.OK, {"ready": True, "state": self.state()}
        if path == "/-/release":
            if not (_is_here(client, headers) or self._has_token(headers)):
                return HTTPStatus.FORBIDDEN, {"error": "only from loopback, or with the health token"}
            return HTTPStatus.OK, self._release()
        return HTTPStatus.NOT_FOUND, {"error": "expected /-/live, /-/ready or /-/release"}

    def _release(self) -> dict[str, Any]:
        identity = self.identity
        return {
            "role": identity.role,
            "release": identity.release,
            "config_digest": identity.config_digest,
            "pid": identity.pid,
            "started": identity.started.isoformat(),
            "state": self.state(),
        }

    def _has_token(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self.token is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode(), self.token.encode())


def _is_here(client: str, headers: Mapping[str, str]) -> bool:
    """Whether the request began on this host: behind a proxy on the same host every client looks like loopback."""
    if any(name in headers for name in FORWARDED):
        return False
    try:
        return client == "" or ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def wrap(application: WSGIApplication, health: Health) -> WSGIApplication:
    """`application` with the paths under `/-/` answered before it."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return application(environ, start_response)
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        status, body = health.answer(path, environ.get("REMOTE_ADDR", ""), headers)
        content = json.dumps(body).encode()
        start_response(
            f"{status.value} {status.phrase}",
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(content))),
                ("Cache-Control", "no-store"),
            ],
        )
        return [content]

    return wrapped


class HealthServer(ThreadingHTTPServer):
    """The same answers on a listening socket of their own, for a server that has no pages."""

    daemon_threads = True

    def __init__(self, listening: socket, health: Health) -> None:
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.health = health


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    timeout = 5

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        client = self.client_address[0] if isinstance(self.client_address, tuple) else ""
        status, body = self.server.health.answer(self.path.partition("?")[0], client, headers)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """A probe every second is not worth a line."""
