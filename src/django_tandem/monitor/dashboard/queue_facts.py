"""How queues stand: as a server counted them last, or counted here where none does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django_tandem.config.schema import AsyncServer, Tandem
from django_tandem.monitor import series
from django_tandem.monitor.dashboard.reading import rows
from django_tandem.monitor.statements import statement
from django_tandem.queue import control
from django_tandem.queue.control import Drained, Pause
from django_tandem.queue.lease import LEASE
from django_tandem.queue.states import State

# Jobs that are counted for a page where no server counts them.
COUNTED = 50_000

# From which share of a promise on a queue is close to breaking it.
CLOSE = 0.8

COLUMNS = ("ready", "running", "scheduled", "limited", "paused")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """By queue, as facts.py has them. `is_bounded`: there may be more."""

    queues: Mapping[str, Mapping[str, Any]]
    at: datetime | None
    is_live: bool = False
    is_bounded: bool = False


@dataclass(frozen=True, kw_only=True)
class Level:
    """Ready jobs of one priority. `since`: when the one that waits longest became ready."""

    priority: int
    ready: int
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A queue. `promise`: seconds, None where the configuration does not have it; `oldest_s`: how long a job has been
    ready; `roles`: which ones are to work through it; `servers`: how many of them do; `drained`: of a paused one."""

    name: str
    counts: Mapping[str, int]
    oldest_s: float | None
    since: datetime | None
    promise: float | None
    roles: tuple[str, ...]
    servers: int
    pause: Pause | None
    drained: Drained | None = None
    levels: tuple[Level, ...] = field(default=())

    @property
    def kept(self) -> str:
        """How its promise stands, in a word; "" where there is nothing to say."""
        if self.promise is None or self.oldest_s is None:
            return ""
        if self.oldest_s > self.promise:
            return "broken"
        return "close" if self.oldest_s > CLOSE * self.promise else "kept"

    @property
    def look(self) -> str:
        """The badge of that word."""
        return {"broken": "bad", "close": "warn", "kept": "good"}.get(self.kept, "")


def counts() -> Counts:
    """What the newest sample says, or what is counted now."""
    point = series.latest().get(series.FLEET)
    facts = point.facts if point is not None else {}
    at = facts.get("counted_at")
    if point is not None and "queues" in facts:
        # Before Python 3.11 fromisoformat does not read the "Z" that ISO 8601 writes for UTC.
        return Counts(queues=facts["queues"], at=datetime.fromisoformat(at.replace("Z", "+00:00")) if at else point.at)
    return count_now()


def count_now() -> Counts:
    """Count the unfinished jobs, no more than COUNTED of them."""
    found = rows(statement("queues", "counted"), {"most": COUNTED})
    queues: dict[str, dict[str, Any]] = {}
    for queue, priority, state, jobs, oldest_s, _ in found:
        one = queues.setdefault(queue, {**dict.fromkeys(COLUMNS, 0), "oldest_s": None, "priorities": {}})
        one[State(state).name.lower()] += jobs
        if state == State.READY:
            one["priorities"][str(priority)] = {"ready": jobs, "oldest_s": oldest_s}
            one["oldest_s"] = max(one["oldest_s"] or 0.0, oldest_s)
    jobs = sum(row[3] for row in found)
    at = max((row[5] for row in found), default=None)
    return Counts(queues=queues, at=at, is_live=True, is_bounded=jobs == COUNTED)


def standings(counted: Counts, tandem: Tandem | None) -> list[Standing]:
    """All queues that the configuration declares, that have jobs, or that are paused; by name."""
    pauses = {one.name: one for one in control.paused() if one.kind == "queue"}
    declared = tandem.file.queues if tandem is not None else {}
    active = dict(rows(statement("queues", "consumers"), {"lease": LEASE}))
    roles = _roles(tandem)
    return [
        Standing(
            name=name,
            counts={column: counted.queues.get(name, {}).get(column) or 0 for column in COLUMNS},
            oldest_s=(oldest_s := counted.queues.get(name, {}).get("oldest_s")),
            since=_since(counted, oldest_s),
            promise=declared[name].promise if name in declared else None,
            roles=tuple(roles.get(name, ())),
            servers=sum(active.get(role, 0) for role in roles.get(name, ())),
            pause=pauses.get(name),
            drained=control.stands(pauses[name]) if name in pauses else None,
            levels=tuple(_levels(counted, name)),
        )
        for name in sorted({*declared, *counted.queues, *pauses})
    ]


def _roles(tandem: Tandem | None) -> dict[str, list[str]]:
    """Which roles work through each queue."""
    found: dict[str, list[str]] = {}
    for name, role in tandem.file.roles.items() if tandem is not None else ():
        for queue in tandem.queues_of(role) if tandem is not None and isinstance(role, AsyncServer) else ():
            found.setdefault(queue, []).append(name)
    return found


def _levels(counted: Counts, name: str) -> list[Level]:
    """Of the highest priority first."""
    levels = counted.queues.get(name, {}).get("priorities") or {}
    return [
        Level(priority=int(priority), ready=facts["ready"], since=_since(counted, facts["oldest_s"]))
        for priority, facts in sorted(levels.items(), key=lambda level: -int(level[0]))
        if facts["ready"]
    ]


def _since(counted: Counts, age_s: float | None) -> datetime | None:
    """To a tenth of a second, so that a page is the same while nothing changes."""
    if counted.at is None or age_s is None:
        return None
    at = (counted.at - timedelta(seconds=age_s)).timestamp()
    return datetime.fromtimestamp(round(at, 1), tz=counted.at.tzinfo)
