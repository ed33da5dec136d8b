"""Picture: what the Overview shows, as JSON has it: for who looks from a terminal, or from a program.

at         when, by the database's clock; times are ISO 8601, lengths of time seconds, shares 0 to 1
release    live (None: none), epoch, since
sentences  what is wrong and what is not, worst first: level (bad, warn, good), text, since
alarms     those that are open: kind, subject, text, todo, since
servers    of each role and host: role, title, host, releases, is_live (whether all of these are), at, state, word,
           load, cores, cpu, memory, disk_free, rss, processes, and of the last minute
           pages {per_s, count, p50, p95, p99, errors_5xx, errors_4xx, timeouts, queued, promise, views}, or
           tasks {running, slots, per_s, failed, retried, tasks}; views and tasks: name, count, failed, p95
silent     servers that are not heard: role, title, host, since
queues     name, ready, running, scheduled, limited, paused, oldest, promise, is_late, is_paused
counted_at when the queues were counted
database   connections, most_connections, waiting, oldest_transaction_s; None where nobody looked
pressure   by role: level, why
runs       that are open: run, release, kind, state, begun_by, seconds, decide_within, todo
missing    what is not known, in words
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django_tandem.errors import NotMigrated
from django_tandem.monitor import alarms, now
from django_tandem.monitor.condition import sentences
from django_tandem.monitor.figures import Timed, card
from django_tandem.monitor.now import Fleet, Server
from django_tandem.pipeline import approval, ledger
from django_tandem.pipeline.facts import plain
from django_tandem.pipeline.stages import RunState
from django_tandem.queue import counts, fence
from django_tandem.queue.connect import Connection

STATES = ("ready", "running", "scheduled", "limited", "paused")

# Of runs that are under way there are few, unless nobody drives them.
MOST_RUNS = 20


def picture(connection: Connection) -> dict[str, Any]:
    """All of it, as it stands. Raises NotMigrated, and what the database says."""
    stands, fleet = fence.read(connection), now.fleet()
    found: dict[str, Any] = plain_all(
        {
            "at": fleet.at,
            "release": {"live": stands.release, "epoch": stands.epoch, "since": fence.since(connection)},
            "sentences": [one._asdict() for one in sentences(fleet)],
            "alarms": [one._asdict() for one in alarms.open_now()],
            "servers": [_server(one, fleet, stands.release) for one in sorted(fleet.servers, key=_office_first)],
            "silent": [{**asdict(one), "title": one.title} for one in fleet.unheard],
            "queues": list(_queues(connection, fleet)),
            "counted_at": fleet.shared.get("counted_at"),
            "database": fleet.shared.get("database"),
            "pressure": {role: one for role, one in (fleet.shared.get("pressure") or {}).items() if one["level"]},
            "runs": list(_runs(connection)),
            "missing": list(_missing(fleet)),
        }
    )
    return found


def plain_all(value: Any) -> Any:
    """`value` as JSON has it: as pipeline.facts.plain, also within lists."""
    if isinstance(value, dict):
        return {key: plain_all(one) for key, one in value.items()}
    return [plain_all(one) for one in value] if isinstance(value, (list, tuple)) else plain(value)


def _office_first(server: Server) -> tuple[bool, str, str]:
    return server.kind != "office", server.role, server.host


def _server(server: Server, fleet: Fleet, live: str | None) -> dict[str, Any]:
    said = card(server, fleet)
    found: dict[str, Any] = {
        "role": server.role,
        "title": server.title,
        "host": server.host,
        "releases": server.releases,
        "is_live": set(server.releases) == {live},
        "at": server.at,
        "state": said.state,
        "word": server.word,
        "load": server.load,
        "cores": server.cores,
        "cpu": said.cpu,
        "memory": said.memory,
        "disk_free": said.disk_free,
        "rss": said.rss,
        "processes": said.processes,
    }
    if said.pages is not None:
        found["pages"] = {**said.pages, "promise": fleet.promises.page_s, "views": _timed(said.pages["views"])}
    if said.tasks is not None:
        kept = {name: said.tasks[name] for name in ("running", "slots", "per_s", "failed", "retried")}
        found["tasks"] = {**kept, "tasks": _timed(said.tasks["tasks"])}
    return found


def _timed(rows: list[Timed]) -> list[dict[str, Any]]:
    return [{"name": one.name, "count": one.times, "failed": one.failed, "p95": one.p95} for one in rows]


def _queues(connection: Connection, fleet: Fleet) -> Iterator[dict[str, Any]]:
    """As they were counted for all, or, where nobody did, counted here."""
    found = fleet.queues
    if "queues" not in fleet.shared:
        found = {
            one.name: {**one._asdict(), "limited": None, "oldest_s": one.oldest_ready_s}
            for one in counts.queues(connection)
        }
    nothing = dict.fromkeys(STATES, 0)
    for name in sorted({*found, *fleet.paused, *fleet.promises.queues}):
        one, promise = found.get(name, nothing), fleet.promises.of(name)
        oldest = one.get("oldest_s")
        yield {
            "name": name,
            **{state: one.get(state) for state in STATES},
            "oldest": oldest,
            "promise": promise,
            "is_late": oldest is not None and oldest > promise,
            "is_paused": name in fleet.paused,
        }


def _runs(connection: Connection) -> Iterator[dict[str, Any]]:
    try:
        found = ledger.newest_runs(connection, MOST_RUNS, only_open=True)
    except NotMigrated:  # a queue without a pipeline
        return
    for run in found:
        gate = approval.read(connection, run.id) if run.state is RunState.ASKING else None
        yield {
            "run": run.id,
            "release": run.release,
            "kind": run.kind,
            "state": run.state,
            "begun_by": run.begun_by,
            "seconds": run.seconds,
            "decide_within": None if gate is None else max(0.0, gate.seconds_left),
            "todo": None if gate is None else f"tandem approve {run.id}, or tandem reject {run.id}",
        }


def _missing(fleet: Fleet) -> Iterator[str]:
    if not fleet.servers and not fleet.unheard:
        yield "no server has told how it is: tandem up runs them here"
    elif not fleet.servers:
        yield "no server has told how it is within the last seconds: tandem servers list says what lives"
    elif "queues" not in fleet.shared:
        yield "nobody has looked at queues and database for all yet"
