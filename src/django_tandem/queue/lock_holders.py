"""Who holds a named lock and who waits for it, as PostgreSQL's own sessions tell.

A session says who it is in a label, which stands as a value in the text of its last statement. So there is no table
that could disagree with the locks themselves.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from django.db import connections

from django_tandem.queue.options import queue_database
from django_tandem.queue.statements import statement

# What pg_stat_activity shows after "tandem ".
PURPOSE = "lock"

_LABEL = re.compile(r"'(host=[^']*)('?)")
_CUT = re.compile(r"(%[0-9A-F]?|&[a-z]*)$")


class Holder(NamedTuple):
    """A process that holds a lock or waits for it, and since when. `role`: "" outside Tandem's servers."""

    host: str
    process: int
    role: str
    since: datetime

    def __str__(self) -> str:
        role = f"{self.role} " if self.role else ""
        return f"{role}process {self.process} on {self.host} since {self.since.astimezone():%Y-%m-%d %H:%M:%S}"


class NamedLock(NamedTuple):
    """A lock that somebody holds or wants. Of a name that is too long for PostgreSQL's listing the beginning, with …
    after it."""

    name: str
    holder: Holder | None
    waiting: list[Holder]


class Session(NamedTuple):
    """A session of PostgreSQL that holds a lock, or waits for it."""

    key: int
    granted: bool
    query: str
    application_name: str
    since: datetime


def key_of(name: str) -> int:
    """What PostgreSQL knows the lock by: 64 bits of the name's SHA-256, under a prefix, so that the keys of other
    advisory locks in this database do not meet it."""
    return int.from_bytes(hashlib.sha256(f"tandem lock {name}".encode()).digest()[:8], "big", signed=True)


def label(name: str, **times: datetime) -> str:
    """This process and the lock's `name`, in ASCII without quotes. `times`: `asked` or `held`."""
    facts = {"host": socket.gethostname(), "process": os.getpid(), "role": os.environ.get("TANDEM_ROLE", "")}
    since = {what: time.isoformat() for what, time in times.items()}
    return urlencode({**facts, **since, "name": name})  # the name last: PostgreSQL cuts a long statement


def listed() -> list[NamedLock]:
    """All locks that are held or wanted, by name."""
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement("lock", "holders"), {"key": None})
        return named(cursor.fetchall())


def named(rows: Iterable[tuple[Any, ...]]) -> list[NamedLock]:
    """The rows of `holders`, a lock at a time."""
    found = []
    for _, sessions in groupby((Session(*row) for row in rows), attrgetter("key")):
        told = [(session.granted, *_read(session)) for session in sessions]
        holders = [holder for granted, _, holder in told if granted]
        waiting = [holder for granted, _, holder in told if not granted]
        found.append(NamedLock(told[0][1], holders[0] if holders else None, waiting))
    return sorted(found)


def _read(session: Session) -> tuple[str, Holder]:
    """The name of the lock and who it is. Where another role's statements are hidden, what the connection calls
    itself."""
    found = _LABEL.search(session.query)
    if found is None:
        name = session.application_name.removeprefix(f"tandem {PURPOSE} ")
        return name, Holder("?", 0, "", session.since)
    text, end = found.groups()
    facts = parse_qs(text if end else _CUT.sub("", text), keep_blank_values=True, errors="ignore")
    (host,), (process,), (role,) = facts["host"], facts["process"], facts["role"]
    (name,) = facts.get("name", [""])
    time = facts.get("held" if session.granted else "asked")
    since = datetime.fromisoformat(time[0]) if time else session.since
    return name + ("" if end else "…"), Holder(host, int(process), role, since)
