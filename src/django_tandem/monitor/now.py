"""Now: each server as its newest samples have it, and what all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.db import connections

from django_tandem.monitor import histogram, series
from django_tandem.monitor.series import FLEET, Minute
from django_tandem.monitor.statements import statement
from django_tandem.queue.options import queue_database

Kind = Literal["office", "async", ""]

# A heartbeat that is older: the server is silent. Its lease is over by then.
SILENT_S = 20.0
# From how much load on a core a server is busy, and overloaded.
BUSY, OVERLOADED = 0.7, 1.0
PAGE_PROMISE_S, QUEUE_PROMISE_S = 1.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A role on a host. `newest`: the facts of its newest sample; `minute`: of the last minute, of which `seconds` are
    covered."""

    role: str
    host: str
    releases: tuple[str, ...] = ()
    at: datetime | None = None
    newest: Mapping[str, Any] = field(default_factory=dict)
    minute: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 5.0

    @property
    def kind(self) -> Kind:
        """What it is there for, as its samples show it."""
        return kind(self.role, self.newest)

    @property
    def title(self) -> str:
        """What people call it."""
        return title(self.role, self.kind)

    @property
    def load(self) -> float | None:
        """Of the last minute, of its whole host."""
        found = self.newest.get("host", {}).get("load")
        return float(found[0]) if found else None

    @property
    def cores(self) -> int | None:
        """Of its host."""
        found = self.newest.get("host", {}).get("cores")
        return int(found) if found else None

    @property
    def load_per_core(self) -> float | None:
        """How many processes want a core, for each that there is."""
        return None if self.load is None or not self.cores else self.load / self.cores

    @property
    def word(self) -> str:
        """Calm, busy or overloaded."""
        if self.load_per_core is None:
            return "unknown"
        return "overloaded" if self.load_per_core > OVERLOADED else "busy" if self.load_per_core > BUSY else "calm"

    def quantile(self, share: float) -> float | None:
        """Seconds within which `share` of its pages of the last minute came."""
        found = self.minute.get("pages", {}).get("seconds")
        return histogram.quantile(found, share) if found else None


@dataclass(frozen=True, kw_only=True)
class Unheard:
    """A server that has not said that it stops, and is not heard. `since`: when it was heard last."""

    role: str
    host: str
    since: datetime

    @property
    def title(self) -> str:
        """What people call it."""
        return title(self.role, kind(self.role, {}))


@dataclass(frozen=True, kw_only=True)
class Promises:
    """Seconds: within which 95 of 100 pages come, and jobs that are ready begin, by queue."""

    page_s: float = PAGE_PROMISE_S
    queues: Mapping[str, float] = field(default_factory=dict)

    def of(self, queue: str) -> float:
        """Of a queue."""
        return float(self.queues.get(queue, QUEUE_PROMISE_S))


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """All that is known now. `shared`: the facts that no server has for itself; `paused`: queues."""

    at: datetime
    servers: tuple[Server, ...]
    unheard: tuple[Unheard, ...]
    shared: Mapping[str, Any]
    promises: Promises
    paused: frozenset[str] = frozenset()

    @property
    def ready(self) -> int:
        """Jobs that are ready, of all queues."""
        return sum(int(one.get("ready") or 0) for one in self.queues.values())

    @property
    def queues(self) -> Mapping[str, Any]:
        """By name: what a sample says of them."""
        found: Mapping[str, Any] = self.shared.get("queues", {})
        return found

    def worst_queue(self) -> tuple[str, float] | None:
        """The queue whose oldest ready job has waited longest by its promise, and how long, in seconds."""
        ages = [(name, float(one["oldest_s"])) for name, one in self.queues.items() if one.get("oldest_s") is not None]
        return max(ages, key=lambda one: one[1] / self.promises.of(one[0]), default=None)


def kind(role: str, facts: Mapping[str, Any]) -> Kind:
    """What a server is there for. Before its first page, or task, its role's name tells."""
    if "pages" in facts or "tasks" in facts:
        return "office" if "pages" in facts else "async"
    return "office" if role == "backoffice" else "async" if role == "async" else ""


def title(role: str, of_kind: Kind) -> str:
    """What people call a role."""
    known = {"office": ("Back Office", "backoffice"), "async": ("Async Server", "async")}
    if of_kind not in known:
        return role
    name, usual = known[of_kind]
    return name if role == usual else f"{name} “{role}”"


def promises() -> Promises:
    """By the settings that tandem.toml makes."""
    return Promises(
        page_s=float(getattr(settings, "TANDEM_PAGE_PROMISE", PAGE_PROMISE_S)),
        queues=getattr(settings, "TANDEM_QUEUE_PROMISES", {}),
    )


def fleet() -> Fleet:
    """What the newest samples say, and who has none."""
    at = _clock()
    found = series.minute(at)
    servers = tuple(_server(*line, minute) for line, minute in found.items() if line != FLEET)
    shared = found[FLEET].newest.facts if FLEET in found else {}
    return Fleet(
        at=at,
        servers=servers,
        unheard=tuple(_unheard(at)),
        shared=shared,
        promises=promises(),
        paused=frozenset(name for (name,) in _rows("paused")),
    )


def _server(role: str, host: str, minute: Minute) -> Server:
    newest = minute.newest
    return Server(
        role=role,
        host=host,
        releases=tuple(dict.fromkeys(newest.releases)),
        at=newest.at,
        newest=newest.facts,
        minute=minute.facts,
        seconds=minute.seconds,
    )


def _unheard(now: datetime) -> list[Unheard]:
    """Of each role and host that has no server which is heard, the one that was heard last."""
    last: dict[tuple[str, str], datetime] = {}
    for role, host, heard_at in _rows("heard"):
        last[role, host] = max(heard_at, last.get((role, host), heard_at))
    return [
        Unheard(role=role, host=host, since=since)
        for (role, host), since in last.items()
        if (now - since).total_seconds() > SILENT_S
    ]


def _clock() -> datetime:
    ((at,),) = _rows("clock")
    found: datetime = at
    return found


def _rows(name: str) -> list[tuple[Any, ...]]:
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement("overview", name))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
