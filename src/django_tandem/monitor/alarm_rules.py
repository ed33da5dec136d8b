"""The rules of alarms: from how the fleet stands to what is wrong with it, each with figures and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from django_tandem.monitor import histogram
from django_tandem.monitor.alarm_facts import PAGES_OVER, Facts, Pages, Server
from django_tandem.monitor.dashboard.shown import seconds
from django_tandem.pipeline.alarm import key_of


class Kind(NamedTuple):
    """`holds`: for how long it is so before it is told; `well`: for how long it is not before it is over."""

    holds: timedelta
    well: timedelta


def _kind(holds_s: float, well_s: float) -> Kind:
    return Kind(timedelta(seconds=holds_s), timedelta(seconds=well_s))


LOAD, PAGES, TIMEOUTS, LATE, NO_CONSUMER = "load", "slow pages", "timeouts", "late jobs", "no consumer"
SILENT, ORPHAN, MISSED, RELEASES = "silent server", "orphan", "missed schedule", "releases differ"

KINDS = {
    LOAD: _kind(300, 120),
    PAGES: _kind(60, 120),
    TIMEOUTS: _kind(0, 60),
    LATE: _kind(30, 60),
    NO_CONSUMER: _kind(60, 30),
    SILENT: _kind(15, 30),
    ORPHAN: _kind(30, 30),
    MISSED: _kind(30, 30),
    RELEASES: _kind(60, 30),
}

# Of so many requests that 95 of 100 are more than a chance.
ENOUGH_REQUESTS = 30
MOST_TIMEOUTS = 2

# More of a kind help nobody; the first are told.
MOST_OF_A_KIND = 20


class Finding(NamedTuple):
    """What is wrong. `subject`: with what, one alarm each; `text`: a line with the figures; `todo`: what to do. Where a
    notice of its own event tells of it, `key` is that notice's and `more` its facts."""

    kind: str
    subject: str
    text: str
    todo: str
    key: str | None = None
    more: Mapping[str, Any] = {}


def find(facts: Facts) -> list[Finding]:
    """All that is wrong, of each kind the first MOST_OF_A_KIND, and of a subject one."""
    found: dict[str, dict[str, Finding]] = defaultdict(dict)
    for rule in (_load, _slow_pages, _timeouts, _queues, _silent, _orphans, _missed, _releases):
        for one in rule(facts):
            found[one.kind].setdefault(one.subject, one)
    return [one for kind in KINDS for one in islice(found[kind].values(), MOST_OF_A_KIND)]


def judged(facts: Facts) -> list[str]:
    """The kinds of which it is known whether anything is wrong."""
    unknown = () if facts.queues is not None else (LATE, NO_CONSUMER)
    return [kind for kind in KINDS if kind not in unknown]


def _load(facts: Facts) -> Iterator[Finding]:
    roles: dict[str, list[str]] = defaultdict(list)
    for one in facts.hosts:
        roles[one.host].append(one.role)
    for host, there in roles.items():
        load, cores = max((one.load, one.cores) for one in facts.hosts if one.host == host)
        if load > cores:
            text = f"host {host} ({', '.join(there)}): a load of {load:.1f} on {cores:g} cores"
            yield Finding(LOAD, host, text, "tandem top shows whose it is; give that role fewer slots, or more cores")


def _slow_pages(facts: Facts) -> Iterator[Finding]:
    for one in facts.pages:
        p95 = histogram.quantile(one.seconds, 0.95)
        if p95 is None or p95 <= facts.page_promise or one.seconds["count"] < ENOUGH_REQUESTS:
            continue
        view = f"; the view {one.slowest_view} takes most of it" if one.slowest_view else ""
        text = (
            f"{_whose(one)}: 5 of 100 pages take longer than {seconds(p95)}, promised are "
            f"{seconds(facts.page_promise)} ({one.seconds['count']} in {_span()}){view}"
        )
        todo = "the Overview shows its load and its views: make the slow one a task, or move tasks from its host"
        yield Finding(PAGES, _whose(one), text, todo)


def _timeouts(facts: Facts) -> Iterator[Finding]:
    for one in facts.pages:
        if one.timeouts > MOST_TIMEOUTS:
            text = f"{_whose(one)}: {one.timeouts} requests in {_span()} ended with 499, 502 or 504"
            todo = "the Overview shows its slowest views; what takes longer than the proxy waits belongs into a task"
            yield Finding(TIMEOUTS, _whose(one), text, todo)


def _queues(facts: Facts) -> Iterator[Finding]:
    active = {one.role for one in facts.servers if one.is_active and one.release == facts.live}
    for queue, counts in (facts.queues or {}).items():
        ready, oldest, promise = counts.get("ready") or 0, counts.get("oldest_s"), facts.promises.get(queue)
        if not ready:
            continue
        roles = facts.consumers.get(queue, ())
        if queue not in facts.paused and not active.intersection(roles):
            todo = f"tandem serve {roles[0]}" if roles else "give it to a role, by its queues in tandem.toml"
            yield Finding(NO_CONSUMER, queue, f"queue {queue}: {_jobs(ready)} ready, and no server works on it", todo)
        elif oldest is not None and promise is not None and oldest > promise:
            waits = f"{_jobs(ready)} ready, the oldest for {seconds(oldest)}, promised are {seconds(promise)}"
            yield Finding(LATE, queue, *_late(facts, queue, waits))


def _late(facts: Facts, queue: str, waits: str) -> tuple[str, str]:
    if (by := facts.paused.get(queue)) is not None:
        return f"queue {queue} is paused by {by}: {waits}", f"tandem queues resume {queue}"
    yields = [role for role in facts.consumers.get(queue, ()) if facts.pressure.get(role, {}).get("level")]
    if yields:
        return f"queue {queue}, whose role {yields[0]} yields to pages: {waits}", "see why pages are slow: the Overview"
    return f"queue {queue}: {waits}", "more slots or another server for its role, or a longer promise in tandem.toml"


def _silent(facts: Facts) -> Iterator[Finding]:
    beating = [one for one in facts.servers if one.beats]
    told = set()
    for one in facts.servers:
        if not one.beats and not any(_replaces(other, one) for other in beating):
            told.add(one.role)
            text = (
                f"{one.role} on {one.host} ({one.pid}) is silent: its last heartbeat was at "
                f"{one.heartbeat_at:%H:%M:%S} UTC; others take its jobs"
            )
            yield Finding(SILENT, f"{one.role} on {one.host}", text, f"on {one.host}: tandem servers list, then start")
    there = {one.role for one in beating}
    for role in facts.roles:
        if role not in there and role not in told:
            yield Finding(SILENT, role, f"no server of role {role} runs any more", f"tandem serve {role}")


def _replaces(other: Server, one: Server) -> bool:
    """Whether `other`, which lives, stands where `one` did, or was begun since nothing was heard of it."""
    return other.role == one.role and (other.host == one.host or other.started_at > one.heartbeat_at)


def _orphans(facts: Facts) -> Iterator[Finding]:
    for one in facts.orphans:
        text = f"orphan: {one.seen}: {one.why}"
        subject = f"{one.seen.name}, {one.seen.id}"
        yield Finding(ORPHAN, subject, text, one.todo or "", key_of(one), {"server": one.as_json()})


def _missed(facts: Facts) -> Iterator[Finding]:
    for one in facts.missed:
        text = f"schedule {one.name} was to fire at {one.at:%Y-%m-%d %H:%M:%S} UTC, and did not"
        todo = f"tandem status: is an Async Server active? tandem schedules run {one.name}"
        yield Finding(MISSED, one.name, text, todo)


def _releases(facts: Facts) -> Iterator[Finding]:
    active = [one for one in facts.servers if one.is_active]
    for one in active:
        if one.release != facts.live:
            text = f"{one.role} on {one.host} ({one.pid}) is active at {one.release}; {facts.live or 'none'} is live"
            yield Finding(RELEASES, f"{one.host}:{one.pid}", text, f"on {one.host}: tandem servers stop {one.pid}")
    digests = defaultdict(set)
    for one in active:
        digests[one.role].add(one.config_digest)
    for role, theirs in digests.items():
        if len(theirs) > 1:
            text = f"servers of role {role} run with {len(theirs)} different settings"
            yield Finding(RELEASES, role, text, "tandem config digest on each host shows whose; start that one anew")


def _whose(one: Pages) -> str:
    return f"{one.role} on {one.host}"


def _jobs(count: int) -> str:
    return f"{count:,} {'job is' if count == 1 else 'jobs are'}"


def _span() -> str:
    return f"{PAGES_OVER.total_seconds() / 60:g} min"
