"""Which releases are kept, which one is live, and what differs from that in what runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_tandem.config.schema import Tandem
from django_tandem.pipeline import releases, retention
from django_tandem.pipeline.look import Fleet, look
from django_tandem.pipeline.orphans import Judged
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection


def current(connection: Connection, tandem: Tandem) -> dict[str, Any]:
    """The `release` that the fence names (None: none), the `epoch`, `since` when, whether the pipeline `built` it, the
    `servers` that are active on it, and in words what `differs` from all roles being active on it, and nothing else."""
    fleet, stands = look(connection, tandem), fence.read(connection)
    return {
        "release": stands.release,
        "epoch": stands.epoch,
        "since": fence.since(connection).isoformat(),
        "built": stands.release is not None and releases.named(connection, stands.release) is not None,
        "servers": [one.as_json() for one in active(fleet)],
        "differs": differs(fleet, lambda one: one.why),
    }


def active(fleet: Fleet) -> list[Judged]:
    """The servers that work for the live release."""
    return [one for one in fleet.servers if one.verdict == "live" and one.seen.state == "active"]


def listed(connection: Connection, count: int) -> list[dict[str, Any]]:
    """The releases that were built, those that were live last first. `state`: live, before (what a rollback goes back
    to), there, or removed. A live release that was not built is the first, without a digest."""
    live = fence.read(connection).release
    previous = retention.before(connection)
    found = [
        {
            "release": one.release,
            "digest": one.digest,
            "state": _state(one, live, previous),
            "built_at": one.built_at.isoformat(),
            "became_live_at": one.became_live_at.isoformat() if one.became_live_at else None,
            "verified_at": one.verified_at.isoformat() if one.verified_at else None,
        }
        for one in releases.newest(connection, count)
    ]
    if live is not None and live not in {one["release"] for one in found}:
        since = fence.since(connection).isoformat()
        unknown = {"digest": None, "built_at": None, "verified_at": None}
        found.insert(0, {"release": live, "state": "live", "became_live_at": since, **unknown})
    return found


def _state(one: releases.Release, live: str | None, previous: releases.Release | None) -> str:
    if one.release == live:
        return "live"
    if one.removed_at is not None:
        return "removed"
    return "before" if previous is not None and one.digest == previous.digest else "there"


def differs(fleet: Fleet, why: Callable[[Judged], str | None]) -> list[str]:
    """In words, what differs from all roles being active on the live release, and nothing else. `why`: the words for
    one server's verdict, its `why` or its `cause`."""
    working = active(fleet)
    there = {one.seen.role for one in working}
    told = [f"role {role} has no active server" for role in sorted(fleet.expected.roles) if role not in there]
    for role in sorted(there):
        digests = {one.seen.config_digest for one in working if one.seen.role == role}
        if len(digests) > 1:
            told.append(f"servers of role {role} have {len(digests)} different settings: tandem config digest")
    for one in fleet.servers:
        if one not in working:
            because = f": {words}" if (words := why(one)) else ""
            state = f" ({one.seen.state})" if one.seen.state and one.verdict == "live" else ""
            told.append(f"{one.seen} {_IS[one.verdict]}{state}{because}")
    return told


_IS = {
    "live": "is not active",
    "stands by": "stands by for an open run",
    "starting": "starts",
    "draining": "drains",
    "silent": "is silent",
    "orphan": "is an orphan",
}
