"""What alarms are judged by: read in a few bounded queries, of samples and of the tables that say how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.monitor import histogram
from django_tandem.monitor.series import FRESH
from django_tandem.monitor.statements import statement
from django_tandem.pipeline.look import expect, seen_by_database
from django_tandem.pipeline.orphans import Judged, find_orphans
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection
from django_tandem.queue.lease import LEASE
from django_tandem.queue.recurring import LATE
from django_tandem.queue.statements import statement as of_queue

# Pages are judged by what was answered within this time.
PAGES_OVER = timedelta(minutes=3)

# So long a server that went silent is told, where none takes its place.
LATELY = timedelta(hours=1)

# A role that had no server for so long is not missed any more.
A_DAY = timedelta(days=1)

MOST_MISSED = 20


class Server(NamedTuple):
    """A row of tandem_server. `beats`: its heartbeat is fresh; `heartbeat_at`: when it came."""

    id: int
    role: str
    host: str
    pid: int
    release: str
    state: str
    config_digest: str
    started_at: datetime
    beats: bool
    heartbeat_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether it lives, and holds itself for the live release's."""
        return self.beats and self.state == "active"


class HostLoad(NamedTuple):
    """Of the host that a role's server is on: the load of a minute, and how many cores there are."""

    role: str
    host: str
    load: float
    cores: float


class Pages(NamedTuple):
    """What a Back Office answered lately: how many requests timed out, a histogram of seconds, and of its views the one
    that took most of the time, where that was looked for."""

    role: str
    host: str
    timeouts: int
    seconds: histogram.Histogram
    slowest_view: str | None = None


class Missed(NamedTuple):
    """A schedule that was to fire at `at`."""

    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Facts:
    """How the fleet stands. `queues`: as the fleet's sample has them (facts.py), None: nobody counted lately;
    `pressure` too. `paused`: by whom, of queues. `consumers`: the roles that work through a queue, `promises`: within
    how many seconds its jobs should begin. `roles`: those that should have a server, and had one lately."""

    live: str | None
    servers: Sequence[Server]
    roles: Sequence[str]
    hosts: Sequence[HostLoad]
    pages: Sequence[Pages]
    page_promise: float
    queues: Mapping[str, Mapping[str, Any]] | None
    pressure: Mapping[str, Mapping[str, Any]]
    paused: Mapping[str, str]
    consumers: Mapping[str, Sequence[str]]
    promises: Mapping[str, float]
    missed: Sequence[Missed]
    orphans: Sequence[Judged]


def servers(connection: Connection) -> list[Server]:
    """Those that have not stopped, and those that fell silent lately."""
    rows = connection.execute(statement("alarm", "servers"), {"lease": LEASE, "lately": LATELY})
    return [Server(*row) for row in rows]


def is_judge(tandem: Tandem, live: str | None, there: Sequence[Server]) -> bool:
    """Whether a server of this release is to judge by its configuration: that of the live one, where that has any."""
    return tandem.release == live or not any(one.is_active and one.release == live for one in there)


def fleet(connection: Connection) -> Mapping[str, Any]:
    """The newest of what all servers share; nothing where nobody wrote it lately."""
    row = connection.execute(statement("alarm", "fleet"), {"fresh": FRESH}).fetchone()
    return row[0] if row else {}


def pages(connection: Connection, over: timedelta) -> list[Pages]:
    """What each Back Office answered in this time, of those that are still heard."""
    found = []
    rows = connection.execute(statement("alarm", "pages"), {"length": over, "fresh": FRESH})
    for role, host, timeouts, histograms in rows:
        whole = histogram.empty()
        for one in histograms:
            histogram.add(whole, one)
        found.append(Pages(role, host, timeouts, whole))
    return found


def read(connection: Connection, tandem: Tandem) -> Facts | None:
    """How the fleet stands now; None: a server of another release is to judge."""
    live, there = fence.read(connection).release, servers(connection)
    if not is_judge(tandem, live, there):
        return None
    shared = fleet(connection)
    promise = tandem.file.monitor.page_promise
    expected = expect(connection, tandem)
    had = {role for (role,) in connection.execute(statement("alarm", "roles_seen"), {"lately": A_DAY})}
    consumers: dict[str, list[str]] = {name: [] for name in tandem.file.queues}
    for name, role in tandem.file.roles.items():
        for queue in tandem.queues_of(role) if isinstance(role, AsyncServer) else ():
            consumers[queue].append(name)
    return Facts(
        live=live,
        servers=there,
        roles=sorted(had & set(expected.roles)),
        hosts=[HostLoad(*row) for row in connection.execute(statement("alarm", "hosts"), {"fresh": FRESH})],
        pages=[_with_slowest(connection, one, promise) for one in pages(connection, PAGES_OVER)],
        page_promise=promise,
        queues=shared.get("queues"),
        pressure=shared.get("pressure", {}),
        paused={name: by for kind, name, _, by in connection.execute(of_queue("pause", "paused")) if kind == "queue"},
        consumers=consumers,
        promises={name: queue.promise for name, queue in tandem.file.queues.items()},
        missed=[
            Missed(*row)
            for row in connection.execute(statement("alarm", "missed"), {"late": LATE, "most": MOST_MISSED})
        ],
        orphans=find_orphans(seen_by_database(connection), expected),
    )


def _with_slowest(connection: Connection, one: Pages, promise: float) -> Pages:
    """With the slowest view, where somebody will ask for it."""
    p95 = histogram.quantile(one.seconds, 0.95)
    if p95 is None or p95 <= promise:
        return one
    which = {"length": PAGES_OVER, "role": one.role, "host": one.host}
    row = connection.execute(statement("alarm", "slowest_view"), which).fetchone()
    return one._replace(slowest_view=row[0] if row else None)
