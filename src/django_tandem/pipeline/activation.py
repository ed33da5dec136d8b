"""Activation: the fence moves to a release whose servers somebody else started. The steps of a fork that need no
artifact, with the same proofs: all stand by before it, all know after it, or it moves back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from django_tandem.errors import LegFailed, NothingStandsBy
from django_tandem.pipeline import ledger, lock, releases
from django_tandem.pipeline.driving import Driving
from django_tandem.pipeline.stages import PREPARE, SWITCH, SWITCH_BACK
from django_tandem.pipeline.statements import statement
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection
from django_tandem.queue.lease import LEASE

LOOK_EVERY_S = 0.01


class Patience(NamedTuple):
    """Seconds: how long to wait until servers stand by, and until they know that the fence has moved."""

    standby_s: float = 0.0
    active_s: float = 30.0


class Standing(NamedTuple):
    """A server of a release, by its row, whose heartbeat is fresh."""

    id: int
    role: str
    host: str
    pid: int
    release: str
    state: str

    @property
    def is_ready(self) -> bool:
        """Whether it waits for the fence, or has it."""
        return self.state in ("standby", "active")

    def __str__(self) -> str:
        return f"{self.role} ({self.host}:{self.pid}) is {self.state}"


class Activation:
    """Of the run that `driving` drives. Each step may be done again."""

    def __init__(self, driving: Driving, patience: Patience) -> None:
        self.driving = driving
        self.patience = patience
        self.release = driving.read().release

    def prepare(self) -> None:
        """For every role a server of the release stands by."""
        connection = self.driving.connection
        with self.driving.writing(PREPARE) as told:
            told["release"], told["from"] = self.release, fence.read(connection).release
            deadline = time.monotonic() + self.patience.standby_s
            while lacks := missing(servers := standing(connection, self.release), list(self.driving.tandem.file.roles)):
                if time.monotonic() >= deadline:
                    raise NothingStandsBy(f"{self.release} is not ready: {'; '.join(lacks)}")
                time.sleep(LOOK_EVERY_S)
            told["servers"] = [str(one) for one in servers]

    def switch(self) -> None:
        """One row moves, if they still stand by; and runs that waited, for a change since another release, end."""
        with self.driving.writing(SWITCH) as told:
            with ledger.one_at_a_time(self.driving.connection):
                servers = self._move(self.release)
                told["superseded"] = list(ledger.supersede_older(self.driving.connection, self.driving.run))
            told["epoch"] = fence.read(self.driving.connection).epoch
            told["switch_ms"] = self._wait_until_active(servers)

    def switch_back(self) -> None:
        """The fence moves back to the release that it named, where that still has a server for every role."""
        before = self._before()
        with self.driving.writing(SWITCH_BACK) as told:
            told["to"] = before
            if fence.read(self.driving.connection).release != self.release or before == self.release:
                return  # it did not move
            with ledger.one_at_a_time(self.driving.connection):
                if before is None:
                    lock.keep(self.driving.connection, self.driving.held)
                    fence.lift(self.driving.connection)
                    return
                servers = self._move(before)
            told["switch_ms"] = self._wait_until_active(servers)

    def _before(self) -> str | None:
        steps = ledger.timeline(self.driving.connection, self.driving.run)
        told = [step.detail["from"] for step in steps if (step.stage, step.step) == PREPARE and "from" in step.detail]
        return told[-1] if told else None

    def _move(self, release: str) -> list[Standing]:
        """Move the fence, as the owner of the lock, if for every role a server stands by; and those that do."""
        connection, held = self.driving.connection, self.driving.held
        lock.keep(connection, held)
        servers = standing(connection, release)
        if lacks := missing(servers, list(self.driving.tandem.file.roles)):
            raise NothingStandsBy(f"the fence does not move to {release}: {'; '.join(lacks)}")
        fence.activate(connection, release)
        if (built := releases.named(connection, release)) is not None:
            releases.became_live(connection, held, built.digest)
        return [one for one in servers if one.is_ready]

    def _wait_until_active(self, servers: Sequence[Standing]) -> float:
        """Until each of them says so; milliseconds."""
        began = time.monotonic()
        while late := self._late(servers):
            if time.monotonic() - began > self.patience.active_s:
                raise LegFailed(f"not active after {self.patience.active_s:g} s: {'; '.join(late)}")
            time.sleep(LOOK_EVERY_S)
        return round((time.monotonic() - began) * 1000, 1)

    def _late(self, servers: Sequence[Standing]) -> list[str]:
        now = {one.id: one for one in standing(self.driving.connection, servers[0].release)}
        return [
            str(now.get(one.id, one._replace(state="silent")))
            for one in servers
            if one.id not in now or now[one.id].state != "active"
        ]


def standing(connection: Connection, release: str) -> list[Standing]:
    """The servers of a release whose heartbeat is fresh by the database's clock."""
    rows = connection.execute(statement("server", "of_release"), {"release": release, "lease": LEASE})
    return [Standing(*row) for row in rows]


def missing(servers: Sequence[Standing], roles: Sequence[str]) -> list[str]:
    """Why not every role has a server that is ready; nothing: every one has."""
    why = []
    for role in roles:
        theirs = [one for one in servers if one.role == role]
        if not any(one.is_ready for one in theirs):
            why.append("; ".join(map(str, theirs)) or f"no server of role {role} sends a heartbeat")
    return why
