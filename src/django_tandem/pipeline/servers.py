"""End servers, whoever started them, and prove that they are gone; start those of the live release."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from django_tandem.config.schema import RoleBase, Tandem
from django_tandem.errors import (
    PipelineBusy,
    ReleaseIsLive,
    ReleaseNotFound,
    ServerElsewhere,
    ServerKept,
    ServerNeeded,
    ServerNotFound,
)
from django_tandem.pipeline import releases
from django_tandem.pipeline.alone import alone
from django_tandem.pipeline.ground import Ground
from django_tandem.pipeline.look import Fleet, expect, hosts_of, look
from django_tandem.pipeline.orphans import Judged, Seen, is_protected, stop_command
from django_tandem.queue import fence, lease
from django_tandem.queue.connect import Connection
from django_tandem.release import leg as legs_of
from django_tandem.release import place
from django_tandem.release.hosts.places import Places

# What a server that has ended is given until its sessions and its row say so.
SETTLES_S = 5.0
LOOK_EVERY_S = 0.2

# An agent ends a server by TERM, INT and KILL, each with its time.
AGENT_S = 90.0


class Ended(NamedTuple):
    """What was ended, and what lives all the same: also what was started again in its place."""

    ended: list[Seen]
    left: list[Judged]


def named(fleet: Fleet, names: Collection[str]) -> list[Judged]:
    """The servers that are called so: HOST:PID, or PID on this host. Raises ServerNotFound."""
    found = []
    for name in names:
        whole = name if ":" in name else f"{fleet.here}:{name}"
        called = [one for one in fleet.servers if one.seen.name == whole]
        if not called:
            raise ServerNotFound(f"there is no server {whole}: tandem servers list shows those that there are")
        found.append(max(called, key=lambda one: one.seen.lives))
    return found


def must_be_here(wanted: Sequence[Judged]) -> None:
    """Raise ServerElsewhere where one runs on another host: only there its processes can be told from others."""
    for one in wanted:
        if not one.seen.here:
            raise ServerElsewhere(f"{one.seen} runs on {one.seen.host}; {stop_command(one.seen)}")


def must_be_needless(wanted: Sequence[Judged], fleet: Fleet) -> None:
    """Raise ServerNeeded where one is of the live release, or of an open run."""
    for one in wanted:
        if (why := why_needed(one, fleet)) is not None:
            raise ServerNeeded(f"{one.seen}: {why}; say --live to end it all the same")


def why_needed(one: Judged, fleet: Fleet) -> str | None:
    """In words, that a server is of the live release, or of an open run; None: it is not."""
    if one.verdict == "orphan" or not is_protected(one.seen, fleet.expected):
        return None
    return f"its release {'is live' if one.seen.release == fleet.expected.live else 'is that of an open run'}"


def must_not_be_kept(seen: Sequence[Seen]) -> None:
    """Raise ServerKept where something would start one again."""
    for one in seen:
        if one.kept_by and one.kept_by.startswith("tandem up"):
            raise ServerKept(f"{one} is kept by {one.kept_by}, which would start it again: end that")


def end(connection: Connection, tandem: Tandem, fleet: Fleet, wanted: Sequence[Judged], *, kill: bool = True) -> Ended:
    """End servers of this host: they finish what they run, within their role's drain; then, if `kill`, they are killed.
    What has been silent is killed at once: others have its jobs, and it must not go on with them. Then look again.

    Raises ServerKept where something would start one again, HostFailed.
    """
    seen = [one.seen for one in wanted if one.seen.members]
    must_not_be_kept(seen)
    if seen:
        with ThreadPoolExecutor(len(seen)) as pool:
            ending = [pool.submit(_end, tandem, one, kill=kill) for one in seen]
        for doing in ending:
            doing.result()
    left = _left(connection, tandem, fleet, wanted)
    names = {one.seen.name for one in left}
    return Ended(ended=[one for one in seen if one.name not in names], left=left)


def end_agents(tandem: Tandem) -> list[int]:
    """End the agent of each host, with all that it keeps; their process ids. Raises HostFailed."""
    ended = [host.do("end", within_s=AGENT_S)["ended"] for host in hosts_of(tandem)]
    return [pid for pid in ended if pid is not None]


def retire(ground: Ground, release: str) -> Ended:
    """End all servers of `release` that are on this host; those that live elsewhere are among what is left.

    Raises ReleaseIsLive, PipelineBusy where an open run is about it, AnotherDrives, and what `end` raises.
    """
    with alone(ground) as connection:
        built = releases.named(connection, release)
        release = built.release if built else release
        expected = expect(connection, ground.tandem)
        if release == expected.live:
            raise ReleaseIsLive(f"{release} is live: activate another first, with tandem release activate")
        if release in expected.shipping:
            raise PipelineBusy(f"an open run is about {release}: let it end, with tandem pipeline resume if need be")
        fleet = look(connection, ground.tandem)
        wanted = [one for one in fleet.servers if one.seen.release == release and one.seen.lives]
        return end(connection, ground.tandem, fleet, wanted)


def start(ground: Ground) -> list[dict[str, Any]]:
    """Have the servers of the live release run on this host: `role`, `host`, `pid`, and whether it was `started` now.

    Raises ReleaseNotFound where the pipeline has not built it, AnotherDrives, and what place and legs raise.
    """
    tandem = ground.tandem
    with alone(ground) as connection:
        live = fence.read(connection).release
        if live is None:
            raise ReleaseNotFound("no release is live: tandem ship makes one, tandem up runs what is here")
        built = releases.named(connection, live)
        if built is None or built.removed_at is not None:
            raise ReleaseNotFound(f"{live} is live, and was not built here: start its servers as you did")
        (host,) = hosts = hosts_of(tandem)
        places = Places(tandem.root / ".tandem")
        placed = place.place(tandem, built.digest, hosts, places, ground.variables, embedded=ground.embedded)
        there = {one["role"]: one["pid"] for one in _served(host.do("servers", within_s=SETTLES_S), live)}
        legs_of.each(placed.legs, legs_of.stand_by)
        legs_of.each(placed.legs, legs_of.wait_until_active)
        now = _served(host.do("servers", within_s=SETTLES_S), live)
        return [{**one, "started": there.get(one["role"]) != one["pid"]} for one in now]


def _served(said: dict[str, Any], release: str) -> list[dict[str, Any]]:
    return [
        {"role": one["role"], "release": release, "pid": one["pid"]}
        for one in said["servers"]
        if one["release"] == release
    ]


def _end(tandem: Tandem, seen: Seen, *, kill: bool) -> None:
    (host,) = hosts_of(tandem)
    role = tandem.file.roles.get(seen.role)
    drain_s = (role or RoleBase()).drain
    if kill and seen.id is not None and not seen.beats:
        drain_s = 0.0
    if seen.kept_by == "agent":
        host.do("stop", within_s=drain_s + AGENT_S, role=seen.role, release=seen.release, drain_s=drain_s)
        return
    members = [list(member) for member in seen.members]
    host.do("end_server", within_s=drain_s + AGENT_S, role=seen.role, members=members, drain_s=drain_s, kill=kill)


def _left(connection: Connection, tandem: Tandem, before: Fleet, wanted: Sequence[Judged]) -> list[Judged]:
    """Of what was to end, what lives; and what stands in its place on this host."""
    names = {one.seen.name for one in wanted}
    places = {(one.seen.role, one.seen.release) for one in wanted if one.seen.here}
    known = {one.seen.name for one in before.servers}
    deadline = time.monotonic() + SETTLES_S
    while True:
        now = look(connection, tandem)
        left = [one for one in now.servers if one.seen.name in names and one.seen.lives]
        for one in left:
            seen = one.seen
            if seen.here and seen.id is not None and not seen.members and not seen.sessions:
                lease.retire(connection, seen.id)  # its processes were killed: its jobs need not wait for its lease
        again = [
            one
            for one in now.servers
            if one.seen.here and (one.seen.role, one.seen.release) in places and one.seen.name not in known
        ]
        if (not left and not again) or time.monotonic() > deadline:
            return [*left, *again]
        time.sleep(LOOK_EVERY_S)
