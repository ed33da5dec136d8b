"""Moves: when what runs became another, for the marks on charts: releases that became live, and servers that came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from django_tandem.monitor.statements import statement
from django_tandem.queue.options import queue_database

# The ledger, the fence and the release tell of the same move, each a moment later.
SAME = timedelta(seconds=90)

# How texts of servers that came end.
CAME = " came"

# A server that misses a sample has not gone.
LOOK_BACK = 4

# Of so many marks none could be read.
MOST = 12


class Move(NamedTuple):
    """`label`: what is written beside the mark; `text`: in a sentence."""

    at: datetime
    label: str
    text: str


def moves(since: datetime, seen: Iterable[tuple[datetime, Iterable[str]]], came: Iterable[Move] = ()) -> list[Move]:
    """The newest moves since then, oldest first. `seen`: steps of time, oldest first, and the releases of which there
    were samples; `came`: servers that came, told where no release brought them."""
    told = _once(_told(since))
    known = {release for _, release in told}
    released = [*told, *((at, release) for at, release in _first_seen(seen) if release not in known)]
    found = [Move(at, release or "none", f"release {release} became live") for at, release in released if release]
    found += [Move(at, "none", "no release is live any more") for at, release in released if release is None]
    found += [one for one in _together(came) if all(abs(one.at - other.at) > SAME for other in found)]
    return sorted(found)[-MOST:]


def _together(came: Iterable[Move]) -> list[Move]:
    """Servers that came at the same time, as one move."""
    found: list[Move] = []
    for one in sorted(came):
        if found and one.at - found[-1].at <= SAME:
            before = found.pop()
            text = f"{before.text.removesuffix(CAME)} and {one.text}"
            found.append(Move(before.at, f"{before.label}, {one.label}", text))
        else:
            found.append(one)
    return found


def _once(rows: Iterable[tuple[datetime, str | None]]) -> list[tuple[datetime, str | None]]:
    """Without those of which another source had told already."""
    kept: list[tuple[datetime, str | None]] = []
    for at, release in rows:
        if not any(release == other and at - before < SAME for before, other in kept):
            kept.append((at, release))
    return kept


def _first_seen(seen: Iterable[tuple[datetime, Iterable[str]]]) -> list[tuple[datetime, str]]:
    """Releases that are there and were not: by samples alone, where no pipeline ships."""
    found: list[tuple[datetime, str]] = []
    before: deque[set[str]] = deque(maxlen=LOOK_BACK)
    for at, releases in seen:
        now = set(releases)
        if before:
            found += [(at, release) for release in sorted(now.difference(*before))]
        before.append(now)
    return found


def _told(since: datetime) -> list[tuple[datetime, str | None]]:
    parameters: Mapping[str, Any] = {"since": since}
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement("overview", "moves"), parameters)
        rows: list[tuple[datetime, str | None]] = cursor.fetchall()
        return rows
