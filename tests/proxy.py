"""A proxy between clients and PostgreSQL that reads what they say, and cuts where a test wants it.

It knows as much of the protocol as it takes to tell one exchange from the next: what a client sends up to a point at
which it waits for an answer (postgresql.org, "Frontend/Backend Protocol", "Message Formats").
"""

from __future__ import annotations

import re
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Literal, NamedTuple

from psycopg.conninfo import conninfo_to_dict

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102

_COMMENT = re.compile(r"--[^\n]*")

# Values that a client joined into the text, and the numbers in the names of savepoints.
_LITERAL = re.compile(r"'(?:[^']|'')*'|(?:\b|(?<=_))\d+(?:\.\d+)?\b")

# BEFORE: the server never hears of it. AFTER: the server has done it, and its answer is lost.
Side = Literal["before", "after"]
SIDES: tuple[Side, Side] = ("before", "after")


class Exchange(NamedTuple):
    """What a client asked. `client` is its application_name without numbers; `listening`: whether it had listened
    before; `how`: connect, query, prepare, run, close or copied; `sql`: the statement, without its values."""

    client: str
    listening: bool
    how: str
    sql: str

    def __str__(self) -> str:
        return (
            f"{self.client or 'Django'}{', listening' if self.listening else ''}: {self.how} {self.sql[:70]}".rstrip()
        )


def plain(sql: str) -> str:
    """On one line and without comments."""
    return " ".join(_COMMENT.sub("", sql).split())


def nth(number: int) -> Callable[[Exchange], bool]:
    """Wants the exchange of this number, from 0 on."""
    counting = count()
    return lambda _: next(counting) == number


class _Cut(NamedTuple):
    wanted: Callable[[Exchange], bool]
    side: Side
    done: threading.Event


class Proxy:
    """Listens on `host` and `port`, and passes on to the server of `conninfo`. Use as a context manager.

    `seen` has every exchange that began, in order.
    """

    host = "127.0.0.1"

    def __init__(self, conninfo: str) -> None:
        parts = conninfo_to_dict(conninfo)
        self._server = (str(parts.get("host") or "/tmp"), int(parts.get("port") or 5432))  # noqa: S108 - libpq's own
        self._listening = socket.create_server((self.host, 0))
        self.port: int = self._listening.getsockname()[1]
        self.seen: list[Exchange] = []
        self._lock = threading.Lock()
        self._cut: _Cut | None = None
        self._wires: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, name="proxy")]

    def __enter__(self) -> Proxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut_all()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def cutting(self, wanted: Callable[[Exchange], bool], side: Side) -> Iterator[threading.Event]:
        """Within it the first exchange that is `wanted` is cut, once; the event says that it was."""
        cut = _Cut(wanted, side, threading.Event())
        with self._lock:
            self._cut = cut
        try:
            yield cut.done
        finally:
            with self._lock:
                self._cut = None

    def cut_all(self) -> None:
        """End all conversations."""
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def side_of(self, exchange: Exchange) -> Side | None:
        """An exchange begins: on which side it is to be cut, if it is."""
        with self._lock:
            self.seen.append(exchange)
            cut = self._cut
            if cut is None or cut.done.is_set() or not cut.wanted(exchange):
                return None
            cut.done.set()
            return cut.side

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                thread = threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, self._connect() as server:
            with self._lock:
                self._wires |= {client, server}
            try:
                with suppress(OSError, EOFError):  # either side has gone
                    _Conversation(self, client, server).carry()
            finally:
                with self._lock:
                    self._wires -= {client, server}

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection(self._server)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server


class _Conversation:
    """One client and its connection to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.server = server
        self.name = ""
        self.listening = False
        self.prepared: dict[bytes, str] = {}
        self.copying = ""

    def carry(self) -> None:
        """Pass on what either side says, until one ends it or it is cut."""
        first = self._startup()
        if first is None:
            return
        if not self._pass_on(Exchange(self.name, False, "connect", ""), first):
            return
        asked = b""
        while True:
            for ready in select.select([self.client, self.server], [], [])[0]:
                if ready is self.server:
                    self._answer()
                    continue
                kind, message = _read(self.client)
                asked += message
                if kind in b"QS" or (kind in b"cf" and self.copying):
                    exchange, asked = asked, b""
                    if not self._pass_on(self._understand(exchange), exchange):
                        return
                elif kind in b"HXdp":
                    self.server.sendall(asked)
                    asked = b""

    def _startup(self) -> bytes | None:
        """The message with which a conversation begins; None: it was a request to cancel another's query."""
        while True:
            head = _exactly(self.client, 8)
            length, code = struct.unpack("!II", head)
            if code in (SSL_REQUEST, GSS_REQUEST):
                self.client.sendall(b"N")
                continue
            rest = _exactly(self.client, length - 8)
            if code == CANCEL_REQUEST:
                self.server.sendall(head + rest)
                with suppress(OSError):
                    self.server.recv(1)  # it closes when it has sent the signal
                return None
            words = rest.split(b"\0")
            given = dict(zip(words[::2], words[1::2], strict=False))
            self.name = re.sub(r"[\d-]+", "", given.get(b"application_name", b"").decode()).strip()
            return head + rest

    def _pass_on(self, exchange: Exchange, messages: bytes) -> bool:
        """False: it was cut."""
        side = self.proxy.side_of(exchange)
        if side is None:
            self.server.sendall(messages)
        elif side == "after":
            self.server.sendall(messages)
            while self._answer(pass_on=False) not in b"ZG":
                pass
        return side is None

    def _answer(self, *, pass_on: bool = True) -> bytes:
        kind, message = _read(self.server)
        if pass_on:
            self.client.sendall(message)
        return kind

    def _understand(self, messages: bytes) -> Exchange:
        how, sql, listening = "close", "", self.listening
        for kind, body in _split(messages):
            if kind == b"Q":
                how, sql = "query", _LITERAL.sub("?", plain(body.split(b"\0")[0].decode()))
            elif kind == b"P":
                name, text, *_ = body.split(b"\0")
                how, sql = "prepare", plain(text.decode())
                self.prepared[name] = sql
            elif kind == b"B":
                how, sql = "run", self.prepared.get(body.split(b"\0")[1], "")
            elif kind in b"cf":
                how, sql = "copied", self.copying
        self.listening |= sql.upper().startswith("LISTEN")
        self.copying = sql if sql.upper().startswith("COPY") and how != "copied" else ""
        return Exchange(self.name, listening, how, sql)


def _split(messages: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(messages):
        (length,) = struct.unpack_from("!I", messages, at + 1)
        yield messages[at : at + 1], messages[at + 5 : at + 1 + length]
        at += 1 + length


def _read(wire: socket.socket) -> tuple[bytes, bytes]:
    """A message: its kind, and all of it."""
    head = _exactly(wire, 5)
    return head[:1], head + _exactly(wire, struct.unpack("!I", head[1:])[0] - 4)


def _exactly(wire: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = wire.recv(count - len(got))
        if not more:
            raise EOFError
        got += more
    return got
