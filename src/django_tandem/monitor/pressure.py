"""Pressure: how far Async Servers yield to pages. A level rises while pages or the database suffer, and falls while
they are well, each step only after its time, so that slots do not open and close with every sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, NamedTuple

from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.monitor import alarm_facts, histogram
from django_tandem.monitor.dashboard.shown import seconds
from django_tandem.queue import fence
from django_tandem.queue import pressure as told
from django_tandem.queue.connect import Connection
from django_tandem.queue.yielding import HIGHEST_LEVEL

# How long a level lasts before a higher one, or a lower one.
UP_S = 10.0
DOWN_S = 30.0

# Below this share of a limit it is well again.
WELL = 0.8

OVER = timedelta(seconds=15)
ENOUGH_REQUESTS = 10

Strain = Literal["tight", "near", "well"]


class Limits(NamedTuple):
    """What a role yields to: 95 of 100 pages take more than so many seconds, more sessions wait; 0: not to that."""

    page_p95: float
    waiting: int


class Measured(NamedTuple):
    """What was seen lately; None: it is not known. `requests`: how many `page_p95` is of."""

    page_p95: float | None
    requests: int
    waiting: int | None


def strain(seen: Measured, limits: Limits) -> tuple[Strain, str]:
    """How near it is to the limits, and why."""
    shares = []
    if limits.page_p95 and seen.page_p95 is not None:
        share = seen.page_p95 / limits.page_p95
        # Few requests may let slots stay closed, and close none.
        share = share if seen.requests >= ENOUGH_REQUESTS else min(share, 1.0)
        why = f"5 of 100 pages take longer than {seconds(seen.page_p95)}, limit {seconds(limits.page_p95)}"
        shares.append((share, why))
    if limits.waiting and seen.waiting is not None:
        why = f"{seen.waiting} sessions of the database wait, limit {limits.waiting}"
        shares.append((seen.waiting / limits.waiting, why))
    share, why = max(shares, default=(0.0, "nothing is measured"))
    return ("tight" if share > 1 else "near" if share > WELL else "well"), why


def next_level(level: int, for_s: float, how: Strain) -> int:
    """The level after `level`, which has been for so many seconds."""
    if how == "tight" and for_s >= UP_S:
        return min(HIGHEST_LEVEL, level + 1)
    if how == "well" and for_s >= DOWN_S:
        return max(0, level - 1)
    return level


def look(connection: Connection, tandem: Tandem) -> None:
    """Tell each Async Server's role how far to yield now, as long as this is called every few seconds.

    Does nothing where a server of another release is to judge. Raises psycopg.Error, TandemError.
    """
    if not alarm_facts.is_judge(tandem, fence.read(connection).release, alarm_facts.servers(connection)):
        return
    seen, stands = measure(connection), told.standing(connection)
    for name, role in tandem.file.roles.items():
        if isinstance(role, AsyncServer):
            _apply(connection, name, Limits(*tandem.pressure_of(role)), seen, stands)


def measure(connection: Connection) -> Measured:
    """Of all Back Offices together, and of the database."""
    whole = histogram.empty()
    for one in alarm_facts.pages(connection, OVER):
        histogram.add(whole, one.seconds)
    waiting = alarm_facts.fleet(connection).get("database", {}).get("waiting")
    return Measured(histogram.quantile(whole, 0.95), whole["count"], waiting)


def _apply(
    connection: Connection, role: str, limits: Limits, seen: Measured, stands: Mapping[str, told.Standing]
) -> None:
    now = stands.get(role, told.Standing(0, "", math.inf))
    how, why = strain(seen, limits)
    level = next_level(now.level, now.for_s, how)
    if level or now.level:
        told.tell(connection, role, level, why if how != "well" else f"{why}: slots open again, step by step")
