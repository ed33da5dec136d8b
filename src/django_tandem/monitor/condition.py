"""Condition: what a person must know first, in sentences, worst first; computed from what the newest samples say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Literal, NamedTuple

from django_tandem.monitor.dashboard.shown import number, seconds
from django_tandem.monitor.figures import slowest_views
from django_tandem.monitor.now import Fleet, Server

Level = Literal["bad", "warn", "good"]
ORDER: dict[Level, int] = {"bad": 0, "warn": 1, "good": 2}

# A share of the database's connections from which on new ones are in danger; a transaction that holds up vacuum.
CONNECTIONS, TRANSACTION_S = 0.9, 300.0
# Of the pages of a minute: fewer than that fail anywhere.
FAILING = 0.01


class Sentence(NamedTuple):
    """`since`: from when on, where that is known and says more than the sentence."""

    level: Level
    text: str
    since: datetime | None = None


def sentences(fleet: Fleet) -> list[Sentence]:
    """What is wrong, and where something is, also what is not. At least one."""
    if not fleet.servers and not fleet.unheard:
        return []
    found = [*_silent(fleet), *_hosts(fleet), *_pages(fleet), *_jobs(fleet), *_database(fleet)]
    if not found:
        return [Sentence("good", _all_is_well(fleet))]
    found += _calm(fleet, found)
    return sorted(found, key=lambda one: ORDER[one.level])


def _silent(fleet: Fleet) -> Iterator[Sentence]:
    heard = {(one.role, one.host) for one in fleet.servers}
    for one in fleet.unheard:
        if (one.role, one.host) not in heard:
            yield Sentence("bad", f"{one.title} on {one.host} is silent: it was heard last", one.since)


def _hosts(fleet: Fleet) -> Iterator[Sentence]:
    """Of each host whose cores do not suffice, or hardly, which server is there, and what it is at."""
    for host, group in groupby(sorted(fleet.servers, key=lambda one: one.host), lambda one: one.host):
        servers = list(group)
        of_host = next((one for one in servers if one.word in ("busy", "overloaded")), None)
        if of_host is None:
            continue
        level: Level = "bad" if of_host.word == "overloaded" else "warn"
        load = f"load {of_host.load:.1f} on {_cores(of_host)}"
        if len(servers) == 1:
            head = f"{of_host.title} on {host} is {of_host.word}: {load}"
        else:
            shared = " and ".join(f"{one.title}{_used(one)}" for one in servers)
            head = f"{host} is {of_host.word}: {load}, shared by {shared}"
        yield Sentence(level, "; ".join([head, *(said for one in servers for said in _at_work(fleet, one))]))


def _at_work(fleet: Fleet, server: Server) -> Iterator[str]:
    if server.kind == "office" and (p95 := server.quantile(0.95)) is not None:
        promised = f", promised is {seconds(fleet.promises.page_s)}" if p95 > fleet.promises.page_s else ""
        yield f"95 of 100 pages within {seconds(p95)}{promised}"
    if server.kind == "async" and fleet.ready:
        yield _waiting(fleet)
        yield from _slots([server])


def _waiting(fleet: Fleet) -> str:
    worst = fleet.worst_queue()
    if worst is None:
        return _jobs_ready(fleet.ready)
    name, oldest = worst
    promise = fleet.promises.of(name)
    promised = f", promised is {seconds(promise)}" if oldest > promise else ""
    return f"{_jobs_ready(fleet.ready)}, the oldest for {seconds(oldest)}{promised}"


def _pages(fleet: Fleet) -> Iterator[Sentence]:
    for one in fleet.servers:
        pages = one.minute.get("pages", {})
        p95 = one.quantile(0.95)
        is_told = one.word in ("busy", "overloaded")
        if p95 is not None and p95 > fleet.promises.page_s and not is_told:
            yield Sentence(
                "bad",
                f"{one.title} on {one.host} is slow: 95 of 100 pages within {seconds(p95)}, promised is "
                f"{seconds(fleet.promises.page_s)}{_slowest(one)}",
            )
        count, failed, late = pages.get("count", 0), pages.get("errors_5xx", 0), pages.get("timeouts", 0)
        if failed + late:
            level: Level = "bad" if failed + late > FAILING * count else "warn"
            said = [f"{number(failed)} ended with a 5xx"] * bool(failed) + [f"{number(late)} timed out"] * bool(late)
            yield Sentence(
                level,
                f"{one.title} on {one.host} fails: of {number(count)} pages of the last minute {' and '.join(said)}",
            )


def _slowest(server: Server) -> str:
    found = slowest_views(server, 1)
    return f"; the slowest view is {found[0].name} with {seconds(found[0].p95)}" if found else ""


def _jobs(fleet: Fleet) -> Iterator[Sentence]:
    working = [one for one in fleet.servers if one.kind == "async"]
    if not working and fleet.ready:
        yield Sentence("bad", f"No Async Server works: {_waiting(fleet)}")
        return
    worst = fleet.worst_queue()
    told = {worst[0]} if worst and any(one.word == "overloaded" for one in working) else set()
    for name, queue in fleet.queues.items():
        oldest, promise = queue.get("oldest_s"), fleet.promises.of(name)
        if oldest is None or oldest <= promise or (name in told and name not in fleet.paused):
            continue
        if name in fleet.paused:
            yield Sentence("warn", f"Queue {name} is paused: {_jobs_ready(queue['ready'])}")
            continue
        late = f"the oldest of {number(queue['ready'])} waits for {seconds(oldest)}, promised is {seconds(promise)}"
        yield Sentence("bad", "; ".join([f"Jobs of queue {name} begin late: {late}", *_slots(working)]))


def _slots(working: list[Server]) -> Iterator[str]:
    running = sum(one.newest.get("tasks", {}).get("running", 0) for one in working)
    slots = sum(one.newest.get("tasks", {}).get("slots", 0) for one in working)
    if slots:
        yield f"{number(running)} of {number(slots)} slots are taken"


def _database(fleet: Fleet) -> Iterator[Sentence]:
    facts = fleet.shared.get("database", {})
    connections, most = facts.get("connections"), facts.get("most_connections")
    if connections and most and connections >= CONNECTIONS * most:
        yield Sentence("bad", f"The database has {number(connections)} of at most {number(most)} connections")
    if waiting := facts.get("waiting"):
        noun = "session waits" if waiting == 1 else "sessions wait"
        yield Sentence("warn", f"In the database {number(waiting)} {noun} for a lock")
    oldest = facts.get("oldest_transaction_s")
    if oldest is not None and oldest > TRANSACTION_S:
        yield Sentence("warn", f"A transaction is open for {seconds(oldest)}: vacuum cleans nothing up meanwhile")


def _calm(fleet: Fleet, told: Iterable[Sentence]) -> Iterator[Sentence]:
    """Who is not in trouble: that is how one tells who is."""
    text = " ".join(one.text for one in told)
    for one in fleet.servers:
        if one.word == "calm" and f"{one.title} on {one.host} " not in text:
            p95 = one.quantile(0.95)
            pages = f"; 95 of 100 pages within {seconds(p95)}" if p95 is not None else ""
            yield Sentence("good", f"{one.title} on {one.host} is calm: load {one.load:.1f} on {_cores(one)}{pages}")


def _all_is_well(fleet: Fleet) -> str:
    said = [
        f"{one.title} on {one.host} has load {one.load:.1f} on {_cores(one)}"
        for one in fleet.servers
        if one.load is not None
    ]
    for one in fleet.servers:
        said += [f"95 of 100 pages within {seconds(p95)}"] if (p95 := one.quantile(0.95)) is not None else []
    said.append(_waiting(fleet) if fleet.ready else "no job waits")
    return f"All is well: {'; '.join(said)}"


def _used(server: Server) -> str:
    used = server.newest.get("server", {}).get("cpu")
    return "" if used is None else f" ({used:.1f} cores)"


def _cores(server: Server) -> str:
    return "1 core" if server.cores == 1 else f"{server.cores} cores"


def _jobs_ready(count: int) -> str:
    return "1 job is ready" if count == 1 else f"{number(count)} jobs are ready"
