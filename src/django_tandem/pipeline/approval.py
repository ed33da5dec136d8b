"""The gate: exactly one for a run, bound to the digest of what was built."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from django_tandem.errors import GateClosed, RunMoved
from django_tandem.pipeline import ledger, lock
from django_tandem.pipeline.hear import heard, listen
from django_tandem.pipeline.lock import Held
from django_tandem.pipeline.run import Run
from django_tandem.pipeline.stages import RunState
from django_tandem.pipeline.statements import statement
from django_tandem.queue.connect import Connection

Decision = Literal["approved", "rejected", "expired", "superseded"]

# Announcements wake a waiter at once; one that was lost is made good by a look after this many seconds.
LOOK_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A gate. `summary`: what whoever decides is shown; `via`: from where it was decided; `decision` is None while
    nobody has decided; `seconds_left`: until then somebody may."""

    run: int
    digest: str
    summary: dict[str, Any]
    asked_at: datetime
    expires_at: datetime
    decision: Decision | None
    decided_at: datetime | None
    decided_by: str | None
    via: str | None
    reason: str | None
    seconds_left: float

    @property
    def late(self) -> bool:
        """Whether its time is over, by the database's clock, and nobody has written so yet."""
        return self.decision is None and self.seconds_left <= 0

    def __str__(self) -> str:
        who = f" by {self.decided_by} ({self.via})" if self.decided_by else ""
        why = f": {self.reason}" if self.reason else ""
        at = f" at {self.decided_at:%Y-%m-%d %H:%M:%S %Z}" if self.decided_at else ""
        return f"{self.decision or 'waits for approval'}{who}{at}{why}"


def ask(
    connection: Connection, held: Held, run: int, digest: str, summary: Mapping[str, Any], *, valid_for: timedelta
) -> Approval:
    """Open the gate of a run for `digest`, by its driver; asked again it is the same gate. Where a newer run waits that
    supersedes, this one is superseded, which the returned `decision` says.

    `summary` is JSON: see `summary.py`. Raises DriverReplaced, RunMoved, and GateClosed where it was asked for another
    digest.
    """
    with ledger.one_at_a_time(connection):
        lock.keep(connection, held)
        there = read(connection, run)
        if there is not None:
            _same_digest(there, digest)
            return there
        ledger.move(connection, held, run, RunState.ASKING, told={"summary": dict(summary)})
        row = {"run": run, "digest": digest, "summary": Jsonb(dict(summary)), "valid_for": valid_for}
        connection.execute(statement("approval", "ask"), row)
        waiting = {"run": run, "waiting": RunState.WAITING.value}
        (newer,) = connection.execute(statement("run", "newer"), waiting).fetchone() or (None,)
        if newer is not None:
            ledger.supersede_older(connection, newer)
        return _the(connection, run)


def approve(connection: Connection, run: int, *, by: str, via: str, digest: str | None = None) -> Approval:
    """Let a run go on. `digest`: only if it is for this one. The same person twice is once.

    Raises RunNotFound, and GateClosed where nobody asks, somebody or something else decided, or for another digest.
    """
    return _decide(connection, run, "approved", RunState.APPROVED, by=by, via=via, digest=digest, reason=None)


def reject(
    connection: Connection, run: int, *, by: str, via: str, reason: str | None = None, digest: str | None = None
) -> Approval:
    """End a run at its gate. Raises as `approve` does."""
    return _decide(connection, run, "rejected", RunState.REJECTED, by=by, via=via, digest=digest, reason=reason)


def read(connection: Connection, run: int) -> Approval | None:
    """The gate of a run; None where nobody has asked."""
    cursor = connection.execute(statement("approval", "read"), {"run": run})
    names = [column.name for column in cursor.description or ()]
    row = cursor.fetchone()
    return None if row is None else Approval(**dict(zip(names, row, strict=True)))


def given(connection: Connection, run: int, digest: str) -> Approval:
    """The approval of a run for `digest`, for a driver that is about to fork it. Raises GateClosed."""
    there = read(connection, run)
    if there is None or there.decision != "approved":
        raise GateClosed(f"run {run} is not approved: its gate {there or 'is not open'}")
    _same_digest(there, digest)
    return there


def expire(connection: Connection) -> list[int]:
    """Close the gates whose time is over by the database's clock, and return the numbers of their runs."""
    with ledger.one_at_a_time(connection):
        return ledger.expire_gates(connection)


def wait(connection: Connection, run: int, *, seconds: float | None = None) -> Approval:
    """Wait until the gate of a run is decided, also by its time, or for `seconds`; and how it stands then.

    `connection` is one of the caller's own: it listens. Raises GateClosed where nobody asked.
    """
    listen(connection)
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        there = _the(connection, run)
        if there.late:
            expire(connection)
            continue
        left = LOOK_S if until is None else until - time.monotonic()
        if there.decision is not None or left <= 0:
            return there
        heard(connection, min(LOOK_S, left, there.seconds_left))


def _decide(
    connection: Connection,
    run: int,
    decision: Decision,
    to: RunState,
    *,
    by: str,
    via: str,
    digest: str | None,
    reason: str | None,
) -> Approval:
    with ledger.one_at_a_time(connection):
        ledger.expire_gates(connection)
        there, found = read(connection, run), ledger.read_run(connection, run)
        refusal = _refusal(found, there, decision, by=by, digest=digest)
        if there is not None and refusal is None and there.decision is None:
            row = {
                "run": run,
                "waiting": RunState.ASKING.value,
                "to": to.value,
                "ends": to is RunState.REJECTED,
                "decision": decision,
                "by": by,
                "via": via,
                "reason": reason if reason or to is RunState.APPROVED else f"rejected by {by}",
            }
            if not connection.execute(statement("approval", "decide"), row).rowcount:
                raise RunMoved(f"run {run} is {found.state.value}, and waits for no approval")
            ledger.tell(connection, run, {"decision": {"by": by, "via": via, "reason": reason}})
    # After the transaction: what has expired stays written.
    if refusal is not None:
        raise GateClosed(refusal)
    return _the(connection, run)


def _refusal(run: Run, there: Approval | None, decision: Decision, *, by: str, digest: str | None) -> str | None:
    """Why `by` cannot decide so; None where it may be, or has been."""
    if there is None:
        why = f" ({run.reason})" if run.reason else ""
        return f"run {run.id} is {run.state.value}{why}: it waits for no approval"
    if digest is not None and digest != there.digest:
        return _another(there, digest)
    if there.decision is None or (there.decision, there.decided_by) == (decision, by):
        return None
    if there.decision == "superseded":
        return f"run {run.id} was superseded by run {run.superseded_by}: its approval can no longer be given"
    return f"run {run.id} was {there} already" if there.decided_by else f"run {run.id} has {there}: ship it again"


def _same_digest(there: Approval, digest: str) -> None:
    if there.digest != digest:
        raise GateClosed(_another(there, digest))


def _another(there: Approval, digest: str) -> str:
    return f"the gate of run {there.run} is for {there.digest}, not for {digest}"


def _the(connection: Connection, run: int) -> Approval:
    there = read(connection, run)
    if there is None:
        raise GateClosed(f"nobody asked for an approval of run {run}")
    return there
