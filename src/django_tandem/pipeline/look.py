"""Look at what runs: processes of this host, heartbeats and database sessions, brought together server by server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django_tandem.config.schema import Tandem
from django_tandem.errors import NotMigrated
from django_tandem.pipeline import ledger, orphans, releases
from django_tandem.pipeline.orphans import Expected, Judged, Member, Seen
from django_tandem.pipeline.statements import statement
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection
from django_tandem.release.hosts.host import Host
from django_tandem.release.hosts.local import LocalHost
from django_tandem.release.hosts.places import Places

LOOK_S = 30.0

# A process began before it registered; its host tells that to the second.
ROUNDED_S = 2.0

MOST_OPEN_RUNS = 1000


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """All servers, judged, and what they were judged by. `here`: the name of this host."""

    servers: Sequence[Judged]
    expected: Expected
    here: str

    @property
    def orphans(self) -> list[Judged]:
        """Those that should not run."""
        return [one for one in self.servers if one.verdict == "orphan"]

    @property
    def strangers(self) -> list[Judged]:
        """What lives and is of another release than the live one."""
        return [one for one in self.servers if one.seen.lives and one.seen.release != self.expected.live]


class Row(NamedTuple):
    """A row of tandem_server."""

    id: int
    role: str
    host: str
    pid: int
    release: str
    state: str
    config_digest: str
    heartbeat_age_s: float
    age_s: float
    heartbeat_at: datetime | None = None


class Sessions(NamedTuple):
    """The database sessions of a server, and the process ids of those workers that have some."""

    number: int
    workers: Sequence[int]


def hosts_of(tandem: Tandem) -> tuple[Host, ...]:
    """Those that are reached from here."""
    return (LocalHost("local", Places(tandem.root / ".tandem").root),)


def look(connection: Connection, tandem: Tandem) -> Fleet:
    """What runs now, of every release, here and elsewhere. Raises NotMigrated, HostFailed."""
    (host,) = hosts_of(tandem)
    said = host.do("running", within_s=LOOK_S)
    families = {one["pid"]: one for one in said["running"]}
    expected = expect(connection, tandem)  # before the rows, so that missing tables are told as such
    seen = _seen_by(connection, families, said["host"])
    return Fleet(servers=orphans.judge(seen, expected), expected=expected, here=said["host"])


def seen_by_database(connection: Connection) -> list[Seen]:
    """What heartbeats and database sessions show of all hosts, the processes of none."""
    return _seen_by(connection, {}, "")


def expect(connection: Connection, tandem: Tandem) -> Expected:
    """What should run, by the fence, the open runs, and the roles of the live release: as it was built, or else as
    `tandem` says."""
    live = fence.read(connection).release
    try:
        runs = ledger.newest_runs(connection, MOST_OPEN_RUNS, only_open=True)
        shipping = {run.release for run in runs}
        shipping.update(name for (name,) in connection.execute(statement("server", "left_by_open_runs")))
        built = releases.named(connection, live) if live else None
    except NotMigrated:  # a queue without a pipeline
        return Expected(live=live, shipping=(), roles=set(tandem.file.roles))
    roles = built.manifest["settings"] if built else tandem.file.roles
    return Expected(live=live, shipping=shipping, roles=set(roles))


def _seen_by(connection: Connection, families: Mapping[int, Mapping[str, Any]], here: str) -> list[Seen]:
    sessions = {
        server: Sessions(count, workers)
        for server, count, workers in connection.execute(statement("server", "sessions"))
    }
    named = {"connected": list(sessions), "host": here, "pids": list(families)}
    rows = [Row(*row) for row in connection.execute(statement("server", "rows"), named)]
    return merge(rows, families, sessions, here)


def merge(
    rows: Iterable[Row], families: Mapping[int, Mapping[str, Any]], sessions: Mapping[int, Sessions], here: str
) -> list[Seen]:
    """A server for each row that something may stand behind, and for each family of processes of this root without a
    row. `families`: by the id of the first process, as release.hosts.alive tells them."""
    found, told = [], set()
    for row in sorted(rows, key=lambda row: row.age_s):  # of rows with one process id the newest is the process's
        theirs = sessions.get(row.id, Sessions(0, ()))
        members: list[Member] = []
        first = None
        if row.host == here:
            mine = [pid for pid in (row.pid, *theirs.workers) if pid in families and pid not in told]
            for pid in mine:
                if _is_of(families[pid], row, is_first=pid == row.pid):
                    told.add(pid)
                    first = first or families[pid]
                    members += [Member(int(one), since) for one, since in families[pid]["members"]]
        if row.state != "stopped" or members or theirs.number:
            found.append(_seen(row, here, tuple(members), theirs.number, first))
    strays = [one for pid, one in families.items() if pid not in told and one["ours"]]
    found += [_unregistered(one, here) for one in strays]
    return sorted(found, key=lambda one: (one.role, one.host, one.age_s))


def _is_of(family: Mapping[str, Any], row: Row, *, is_first: bool) -> bool:
    """Whether these processes are the row's server: the same role and release, and begun before it registered. A worker
    that outlived its server began later; its database session says whose it is."""
    same = family["role"] == row.role and family["release"] in (None, row.release)
    return same and (not is_first or family["age_s"] + ROUNDED_S >= row.age_s)


def _seen(row: Row, here: str, members: tuple[Member, ...], sessions: int, first: Mapping[str, Any] | None) -> Seen:
    return Seen(
        role=row.role,
        release=row.release,
        host=row.host,
        pid=row.pid,
        here=row.host == here,
        age_s=row.age_s,
        id=row.id,
        state=row.state,
        heartbeat_age_s=row.heartbeat_age_s,
        heartbeat_at=row.heartbeat_at,
        config_digest=row.config_digest,
        members=members,
        sessions=sessions,
        kept_by=_keeper(first) if first else None,
    )


def _unregistered(family: Mapping[str, Any], here: str) -> Seen:
    return Seen(
        role=family["role"],
        release=family["release"],
        host=here,
        pid=family["pid"],
        here=True,
        age_s=family["age_s"],
        members=tuple(Member(int(pid), since) for pid, since in family["members"]),
        kept_by=_keeper(family),
    )


def _keeper(family: Mapping[str, Any]) -> str | None:
    return "agent" if family["by_agent"] else family["kept_by"]
