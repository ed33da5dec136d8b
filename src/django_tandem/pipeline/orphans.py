"""What runs, judged: from what is seen of a server, in processes, heartbeats and database sessions, to a verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django_tandem.queue.lease import LEASE

Verdict = Literal["live", "stands by", "starting", "draining", "silent", "orphan"]

# A heartbeat that is older says nothing any more: others have taken the server's jobs.
FRESH_S = LEASE.total_seconds()

# What a server is given to come up; one of a release that should not run is told only after it.
STARTS_S = 90.0


class Member(NamedTuple):
    """A process on this host. `since`: when it began, which another with the same id later does not share."""

    pid: int
    since: float


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A server as it is seen. `id`: its row in tandem_server, None before it has one; `state` and `heartbeat_age_s` are
    what the row says. `members`: its processes that live, where it runs on this host (`here`), its first one first;
    `sessions`: those of the database that are its own. `kept_by`: who starts it again when it dies: "agent", or its
    parent's name. `release` is None where nothing tells it; `age_s`: since its process, or else its row, began."""

    role: str
    release: str | None
    host: str
    pid: int
    here: bool
    age_s: float
    id: int | None = None
    state: str | None = None
    heartbeat_age_s: float | None = None
    heartbeat_at: datetime | None = None
    config_digest: str | None = None
    members: tuple[Member, ...] = ()
    sessions: int = 0
    kept_by: str | None = None

    @property
    def name(self) -> str:
        """What commands call it."""
        return f"{self.host}:{self.pid}"

    @property
    def beats(self) -> bool:
        """Whether its heartbeat is fresh."""
        return self.state != "stopped" and self.heartbeat_age_s is not None and self.heartbeat_age_s <= FRESH_S

    @property
    def lives(self) -> bool:
        """Whether anything shows that it lives."""
        return bool(self.members) or self.sessions > 0 or self.beats

    def __str__(self) -> str:
        return f"{self.role} of {self.release or 'an unknown release'} ({self.name})"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What should run. `live`: the release that the fence names; `shipping`: those that open runs go to or come from;
    `roles`: of the live release."""

    live: str | None
    shipping: Collection[str]
    roles: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A server, its verdict, `why` where that needs a reason, and the command that ends it where it should end.
    `cause` is why without how long it has been silent."""

    seen: Seen
    verdict: Verdict
    why: str | None = None
    cause: str | None = None
    todo: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As the commands print it."""
        seen = self.seen
        age = None if seen.heartbeat_age_s is None else round(seen.heartbeat_age_s, 1)
        return {
            "server": seen.name,
            "role": seen.role,
            "release": seen.release,
            "host": seen.host,
            "pid": seen.pid,
            "state": seen.state,
            "heartbeat_age_s": age,
            "verdict": self.verdict,
            "why": self.why,
            "todo": self.todo,
            "processes": [member.pid for member in seen.members],
            "sessions": seen.sessions,
            "kept_by": seen.kept_by,
        }


def judge(seen: Iterable[Seen], expected: Expected) -> list[Judged]:
    """A verdict for each server that lives, or whose row says that it should."""
    return [_judge(one, expected) for one in seen]


def find_orphans(seen: Iterable[Seen], expected: Expected) -> list[Judged]:
    """Those that live at a release that is neither live nor an open run's, or in a role that the live release does not
    have."""
    return [one for one in judge(seen, expected) if one.verdict == "orphan"]


def is_protected(seen: Seen, expected: Expected) -> bool:
    """Whether people or an open run need it."""
    return seen.release == expected.live or seen.release in expected.shipping


def stop_command(seen: Seen) -> str:
    """What ends it, and where that is to be said."""
    command = f"tandem servers stop {seen.name}"
    return command if seen.here else f"on {seen.host}: {command}"


def _judge(seen: Seen, expected: Expected) -> Judged:
    if not seen.lives:
        return Judged(seen=seen, verdict="silent", why=_silence(seen))
    if seen.state in (None, "starting") and seen.age_s < STARTS_S:
        return Judged(seen=seen, verdict="starting")
    if seen.state == "draining" and seen.beats:
        return Judged(seen=seen, verdict="draining")
    if (cause := _why_orphan(seen, expected)) is not None:
        why = cause if seen.beats else f"{cause}; {_silence(seen)}, and lives"
        return Judged(seen=seen, verdict="orphan", why=why, cause=cause, todo=stop_command(seen))
    if not seen.beats:
        cause = "it is frozen, or cut off"
        return Judged(seen=seen, verdict="silent", why=f"{_silence(seen)}, and lives: {cause}", cause=cause)
    return Judged(seen=seen, verdict="live" if seen.release == expected.live else "stands by")


def _why_orphan(seen: Seen, expected: Expected) -> str | None:
    if seen.release in expected.shipping:
        return None
    if seen.release != expected.live:
        live = f"{expected.live} is live" if expected.live else "no release is live"
        return f"{live}, and no open run is about {seen.release or 'its release, which nothing tells'}"
    if seen.role not in expected.roles:
        return f"there is no role {seen.role} any more"
    return None


def _silence(seen: Seen) -> str:
    if seen.heartbeat_age_s is None:
        return "it never registered"
    return f"no heartbeat for {seen.heartbeat_age_s:.0f} s"
