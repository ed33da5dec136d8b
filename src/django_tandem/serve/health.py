"""`/-/live`, `/-/ready`, `/-/release` and `/-/metrics`: who I am, which release, am I ready, what have I seen."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from django_tandem.serve.identity import Identity
from django_tandem.serve.standing import Standing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/-/"
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
LOCAL_NAMES = ("localhost", "")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Answer(NamedTuple):
    """What is sent: a status, and a body of some type."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"

    def headers(self) -> list[tuple[str, str]]:
        """What goes before the body: nobody keeps an answer."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
        ]


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the answers are made of. `unready` says why the server is not ready, or nothing. `behind_proxy`: nobody
    asks directly, so that no client counts as one on this host. `metrics`: what Prometheus reads, or nothing yet."""

    identity: Identity
    token: str | None
    standing: Standing
    unready: Callable[[], str | None]
    behind_proxy: bool = False
    metrics: Callable[[], bytes | None] = lambda: None

    def answer(self, path: str, client: str, headers: Mapping[str, str]) -> Answer:
        """The answer for a path under `/-/`. `headers` by lower-case name; `client` is an address, or "" on a Unix
        socket."""
        if path == "/-/live":
            return _json(HTTPStatus.OK, live=True)
        if path == "/-/ready":
            reason = self.unready()
            if reason is not None:
                return _json(HTTPStatus.SERVICE_UNAVAILABLE, ready=False, state=self.standing.state, reason=reason)
            return _json(HTTPStatus.OK, ready=True, state=self.standing.state)
        if path not in ("/-/release", "/-/metrics"):
            return _json(HTTPStatus.NOT_FOUND, error="expected /-/live, /-/ready, /-/release or /-/metrics")
        if not (self._is_here(client, headers) or self._has_token(headers)):
            return _json(HTTPStatus.FORBIDDEN, error="only from loopback, or with the health token")
        if path == "/-/release":
            return _json(HTTPStatus.OK, **self._release())
        metrics = self.metrics()
        if metrics is None:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, error="nothing was measured yet")
        return Answer(HTTPStatus.OK, metrics, METRICS_TYPE)

    def _release(self) -> dict[str, Any]:
        identity = self.identity
        return {
            "role": identity.role,
            "release": identity.release,
            "config_digest": identity.config_digest,
            "pid": identity.pid,
            "started": identity.started.isoformat(),
            "state": self.standing.state,
        }

    def _is_here(self, client: str, headers: Mapping[str, str]) -> bool:
        """Whether the request began on this host: behind a proxy on the same host every client looks like loopback."""
        if self.behind_proxy or any(name in headers for name in FORWARDED):
            return False
        host = headers.get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return (client == "" or _is_loopback(client)) and (name in LOCAL_NAMES or _is_loopback(name))

    def _has_token(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self.token is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode(), self.token.encode())


def _json(status: HTTPStatus, **facts: Any) -> Answer:
    return Answer(status, json.dumps(facts).encode())


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # Who comes over IPv4 to a socket on [::]; before Python 3.13 such an address is not seen through.
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def wrap(application: WSGIApplication, health: Health) -> WSGIApplication:
    """`application` with the paths under `/-/` answered before it."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return application(environ, start_response)
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        answer = health.answer(path, environ.get("REMOTE_ADDR", ""), headers)
        start_response(f"{answer.status.value} {answer.status.phrase}", answer.headers())
        return [answer.body]

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
        answer = self.server.health.answer(self.path.partition("?")[0], client, headers)
        self.send_response(answer.status)
        for name, value in answer.headers():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """A probe every second is not worth a line."""
