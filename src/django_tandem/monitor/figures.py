"""Figures: what a card of the Overview says of one server, from its samples of the last minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django_tandem.monitor import histogram
from django_tandem.monitor.now import Fleet, Server

# Of views and of tasks; who wants all of them has the series.
MOST = 5


class Timed(NamedTuple):
    """A view, or a task, in the last minute: how often, how many of it failed, how long 95 of 100 took, in seconds."""

    name: str
    times: int
    failed: int
    p95: float


def slowest_views(server: Server, most: int = MOST) -> list[Timed]:
    """The views whose 95th of 100 pages took longest, longest first."""
    found = server.minute.get("pages", {}).get("views", {})
    return _timed(found, "errors_5xx", lambda one: one.p95)[:most]


def longest_tasks(server: Server, most: int = MOST) -> list[Timed]:
    """The tasks on which most time was spent, most first."""
    found = server.minute.get("tasks", {}).get("tasks", {})
    spent = {path: one.get("seconds", histogram.empty())["sum"] for path, one in found.items()}
    return _timed(found, "failed", lambda one: spent[one.name])[:most]


def _timed(found: Mapping[str, Any], failed: str, order: Callable[[Timed], float]) -> list[Timed]:
    rows = []
    for name, one in found.items():
        p95 = histogram.quantile(one.get("seconds") or histogram.empty(), 0.95)
        if p95 is not None:
            rows.append(Timed(name, int(one.get("count", 0)), int(one.get(failed, 0)), p95))
    return sorted(rows, key=order, reverse=True)


class Card(NamedTuple):
    """One server. Shares are 0 to 1, times seconds; None and 0 differ: not known, and none."""

    server: Server
    state: str
    cpu: float | None
    memory: float | None
    disk: float | None
    disk_free: int | None
    rss: int | None
    processes: int | None
    pages: dict[str, Any] | None
    tasks: dict[str, Any] | None


def card(server: Server, fleet: Fleet) -> Card:
    """What its card says."""
    host, own = server.newest.get("host", {}), server.newest.get("server", {})
    disk = host.get("disk") or {}
    return Card(
        server=server,
        state=str(own.get("state") or "unknown"),
        cpu=host.get("cpu"),
        memory=_used(host.get("memory") or {}, "available"),
        disk=_used(disk, "free"),
        disk_free=disk.get("free"),
        rss=own.get("rss"),
        processes=own.get("processes"),
        pages=_pages(server) if server.kind == "office" else None,
        tasks=_tasks(server, fleet) if server.kind == "async" else None,
    )


def _used(facts: Mapping[str, Any], left: str) -> float | None:
    total, rest = facts.get("total"), facts.get(left)
    return None if not total or rest is None else 1 - rest / total


def _pages(server: Server) -> dict[str, Any]:
    pages = server.minute.get("pages", {})
    queued = pages.get("queue_seconds")
    return {
        "per_s": pages.get("count", 0) / server.seconds,
        "count": pages.get("count", 0),
        "p50": server.quantile(0.5),
        "p95": server.quantile(0.95),
        "p99": server.quantile(0.99),
        "errors_5xx": pages.get("errors_5xx", 0),
        "errors_4xx": pages.get("errors_4xx", 0),
        "timeouts": pages.get("timeouts", 0),
        "queued": histogram.quantile(queued, 0.95) if queued else None,
        "views": slowest_views(server),
    }


def _tasks(server: Server, fleet: Fleet) -> dict[str, Any]:
    tasks, newest = server.minute.get("tasks", {}), server.newest.get("tasks", {})
    finished = tasks.get("successful", 0) + tasks.get("failed", 0)
    worst = fleet.worst_queue()
    return {
        "running": newest.get("running"),
        "slots": newest.get("slots"),
        "per_s": finished / server.seconds,
        "failed": tasks.get("failed", 0),
        "retried": tasks.get("retried", 0),
        "ready": fleet.ready,
        "oldest": worst[1] if worst else None,
        "queue": worst[0] if worst else "",
        "promise": fleet.promises.of(worst[0]) if worst else None,
        "is_late": worst is not None and worst[1] > fleet.promises.of(worst[0]),
        "tasks": longest_tasks(server),
    }
