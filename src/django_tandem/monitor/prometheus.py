"""What a server knows of itself and of its fleet, in Prometheus' text format: docs/reference/metrics.md has each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from django_tandem.monitor import histogram
from django_tandem.monitor.facts import Facts
from django_tandem.serve.identity import Identity

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Of views, tasks, queues so many get series of their own, those that were there first; the others share one. Which ones
# do must not change while the server runs: a counter that falls looks like a server that began anew.
MOST_NAMED = 100
OTHERS = "(others)"

STATES = ("starting", "standby", "active", "draining")

# Up to two minutes. Of one server four an octave, as they are counted; of each view and task, one an octave.
_LAST = 17 * histogram.AN_OCTAVE
FINE = range(1, _LAST + 1)
COARSE = range(histogram.AN_OCTAVE, _LAST + 1, histogram.AN_OCTAVE)


class Family(NamedTuple):
    """A metric. `path`: where its one value stands in the facts, where that is all that there is to it."""

    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()
    path: tuple[str | int, ...] = ()
    edges: range = FINE


FAMILIES: Mapping[str, Family] = {
    "tandem_release_info": Family("gauge", "Which release, with which settings", ("role", "release", "config_digest")),
    "tandem_start_time_seconds": Family("gauge", "When the server began, in seconds since 1970"),
    "tandem_server_state": Family("gauge", "1 for the state that the server is in", ("state",)),
    "tandem_processes": Family("gauge", "Processes of the server", path=("server", "processes")),
    "tandem_resident_memory_bytes": Family("gauge", "Resident memory of all of them", path=("server", "rss")),
    "tandem_cpu_cores": Family("gauge", "Cores that they keep busy", path=("server", "cpu")),
    "tandem_load1": Family("gauge", "Load average of the host, of 1 minute", path=("host", "load", 0)),
    "tandem_load5": Family("gauge", "Load average of the host, of 5 minutes", path=("host", "load", 1)),
    "tandem_load15": Family("gauge", "Load average of the host, of 15 minutes", path=("host", "load", 2)),
    "tandem_cores": Family("gauge", "Cores that the host has", path=("host", "cores")),
    "tandem_host_cpu_ratio": Family("gauge", "Share of the cores that is busy, 0 to 1", path=("host", "cpu")),
    "tandem_memory_size_bytes": Family("gauge", "Memory of the host", path=("host", "memory", "total")),
    "tandem_memory_available_bytes": Family("gauge", "Of it, what is free", path=("host", "memory", "available")),
    "tandem_disk_size_bytes": Family("gauge", "The disk that releases are on", path=("host", "disk", "total")),
    "tandem_disk_free_bytes": Family("gauge", "Of it, what is free", path=("host", "disk", "free")),
    "tandem_http_requests_total": Family("counter", "Requests answered, with 5xx or otherwise", ("view", "code")),
    "tandem_http_client_errors_total": Family("counter", "Answers of 4xx", path=("pages", "errors_4xx")),
    "tandem_http_timeouts_total": Family("counter", "Requests that nobody waited for", path=("pages", "timeouts")),
    "tandem_http_request_duration_seconds": Family("histogram", "From arrival to answer", path=("pages", "seconds")),
    "tandem_http_queue_duration_seconds": Family(
        "histogram", "From the proxy to the server", path=("pages", "queue_seconds")
    ),
    "tandem_http_view_duration_seconds": Family("histogram", "The same by view", ("view",), edges=COARSE),
    "tandem_slots": Family("gauge", "Jobs that the server can run at once", path=("tasks", "slots")),
    "tandem_jobs_running": Family("gauge", "Jobs that it runs", path=("tasks", "running")),
    "tandem_coroutines_running": Family("gauge", "Of these, coroutines", path=("tasks", "coroutines")),
    "tandem_jobs_claimed_total": Family("counter", "Jobs that it took", path=("tasks", "claims")),
    "tandem_jobs_retried_total": Family("counter", "Attempts after which a job begins again", ("task",)),
    "tandem_jobs_total": Family("counter", "Jobs that it finished", ("task", "outcome")),
    "tandem_job_duration_seconds": Family("histogram", "From begin to end", path=("tasks", "seconds")),
    "tandem_task_duration_seconds": Family("histogram", "The same by task", ("task",), edges=COARSE),
    "tandem_queue_jobs": Family("gauge", "Unfinished jobs of the fleet", ("queue", "state")),
    "tandem_queue_oldest_ready_seconds": Family("gauge", "How long the oldest ready job has waited", ("queue",)),
    "tandem_queue_promise_seconds": Family("gauge", "Within which a ready job should begin", ("queue",)),
    "tandem_queues_counted_timestamp_seconds": Family("gauge", "When queues were counted, in seconds since 1970"),
    "tandem_page_promise_seconds": Family("gauge", "Within which 95 of 100 pages should be answered"),
    "tandem_database_connections": Family("gauge", "Open connections", path=("database", "connections")),
    "tandem_database_connections_limit": Family("gauge", "How many it grants", path=("database", "most_connections")),
    "tandem_database_waiting": Family("gauge", "Sessions that wait for a lock", path=("database", "waiting")),
    "tandem_database_oldest_transaction_seconds": Family(
        "gauge", "How long the oldest transaction is open", path=("database", "oldest_transaction_s")
    ),
    "tandem_pressure_level": Family("gauge", "How far a role yields to pages, 0 for not at all", ("role",)),
    "tandem_alarms": Family("gauge", "Alarms that are open", ("kind",)),
}


def render(facts: Facts, identity: Identity) -> bytes:
    """The metrics of a server, of type CONTENT_TYPE.

    `facts` are shaped as in facts.py, and count since the server began; those of the fleet may be among them, with
    `alarms` {kind: how many are open}. What is missing is left out. Promises are those of the settings.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(facts, identity))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, facts: Facts, identity: Identity) -> None:
        self._facts, self._identity = facts, identity

    def collect(self) -> Iterable[Metric]:
        made = {name: _empty(name, family) for name, family in FAMILIES.items()}
        for name, labels, value in _values(self._facts, self._identity):
            _add(made[name], FAMILIES[name], labels, value)
        return [metric for metric in made.values() if metric.samples]


def _empty(name: str, family: Family) -> Metric:
    if family.kind == "counter":
        return CounterMetricFamily(name, family.text, labels=family.labels)
    if family.kind == "gauge":
        return GaugeMetricFamily(name, family.text, labels=family.labels)
    return HistogramMetricFamily(name, family.text, labels=family.labels)


def _add(metric: Metric, family: Family, labels: tuple[str, ...], value: Any) -> None:
    if value is None:
        return
    if isinstance(metric, HistogramMetricFamily):
        metric.add_metric(labels, _buckets(value, family.edges), value["sum"])
    elif isinstance(metric, (CounterMetricFamily, GaugeMetricFamily)):
        metric.add_metric(labels, value)


def _buckets(counted: histogram.Histogram, edges: range) -> list[tuple[str, float]]:
    """What was no longer than each edge. All edges are those of buckets, so nothing is guessed."""
    by_number = sorted((int(name), count) for name, count in counted["buckets"].items())
    found, within, at = [], 0, 0
    for edge in edges:
        while at < len(by_number) and by_number[at][0] < edge:
            within += by_number[at][1]
            at += 1
        found.append((f"{histogram.edge(edge):.6g}", float(within)))
    return [*found, ("+Inf", float(counted["count"]))]


Value = tuple[str, tuple[str, ...], Any]


def _values(facts: Facts, identity: Identity) -> Iterator[Value]:
    """All values, by the name of their family, with their labels."""
    yield "tandem_release_info", (identity.role, identity.release, identity.config_digest), 1
    yield "tandem_start_time_seconds", (), identity.started.timestamp()
    for name, family in FAMILIES.items():
        if family.path:
            yield name, (), _at(facts, family.path)
    state = _at(facts, ("server", "state"))
    for one in STATES if state is not None else ():
        yield "tandem_server_state", (one,), int(one == state)
    yield from _views(facts.get("pages") or {})
    yield from _tasks(facts.get("tasks") or {})
    yield from _queues(facts)
    yield from _promises(facts)
    for role, stands in (facts.get("pressure") or {}).items():
        yield "tandem_pressure_level", (role,), stands["level"]
    for kind, number in (facts.get("alarms") or {}).items():
        yield "tandem_alarms", (kind,), number


def _views(pages: Facts) -> Iterator[Value]:
    if "count" not in pages:
        return
    for view, one in _named(pages.get("views") or {}, {name: pages.get(name, 0) for name in ("count", "errors_5xx")}):
        yield "tandem_http_requests_total", (view, "5xx"), one["errors_5xx"]
        yield "tandem_http_requests_total", (view, "other"), max(0, one["count"] - one["errors_5xx"])
        yield "tandem_http_view_duration_seconds", (view,), one.get("seconds")


def _tasks(tasks: Facts) -> Iterator[Value]:
    if "successful" not in tasks:
        return
    failed, retried = tasks.get("failed", 0), tasks.get("retried", 0)
    whole = {"count": tasks["successful"] + failed, "failed": failed, "retried": retried}
    for task, one in _named(tasks.get("tasks") or {}, whole):
        yield "tandem_jobs_total", (task, "failed"), one["failed"]
        yield "tandem_jobs_total", (task, "successful"), max(0, one["count"] - one["failed"])
        yield "tandem_jobs_retried_total", (task,), one["retried"]
        yield "tandem_task_duration_seconds", (task,), one.get("seconds")


def _queues(facts: Facts) -> Iterator[Value]:
    queues = facts.get("queues") or {}
    for queue in list(queues)[:MOST_NAMED]:
        counted = queues[queue]
        for state in ("ready", "scheduled", "running", "limited", "paused"):
            yield "tandem_queue_jobs", (queue, state), counted.get(state)
        yield "tandem_queue_oldest_ready_seconds", (queue,), counted.get("oldest_s") or 0.0
    if counted_at := facts.get("counted_at"):
        yield "tandem_queues_counted_timestamp_seconds", (), datetime.fromisoformat(counted_at).timestamp()


def _promises(facts: Facts) -> Iterator[Value]:
    if "pages" in facts:
        yield "tandem_page_promise_seconds", (), getattr(settings, "TANDEM_PAGE_PROMISE", None)
    for queue, promise in list(getattr(settings, "TANDEM_QUEUE_PROMISES", {}).items())[:MOST_NAMED]:
        yield "tandem_queue_promise_seconds", (queue,), promise


def _named(found: Mapping[str, Facts], whole: Mapping[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The first MOST_NAMED by name, and at last what of the whole is not theirs; each with all that the whole has, and
    its histogram of seconds."""
    names = [name for name in found if name != OTHERS][:MOST_NAMED]
    rest = dict(whole)
    for name in names:
        one = {**dict.fromkeys(whole, 0), **found[name]}
        yield name, {"seconds": None, **one}
        rest = {key: rest[key] - one[key] for key in whole}
    seconds = histogram.empty()
    for name in found.keys() - set(names):
        histogram.add(seconds, found[name].get("seconds") or histogram.empty())
    yield OTHERS, {**{key: max(0, left) for key, left in rest.items()}, "seconds": seconds}


def _at(facts: Facts, path: tuple[str | int, ...]) -> Any:
    found: Any = facts
    for step in path:
        if isinstance(step, int):
            found = found[step] if isinstance(found, (list, tuple)) and len(found) > step else None
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found
