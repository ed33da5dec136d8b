"""The ledger: which runs there are, and what each did, a row before every step and a row after it.

What a driver writes compares the lock's epoch in the same statement: one that was taken for gone writes nothing.
Threads may share a connection as long as none of them has a transaction open on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from psycopg import errors as postgres
from psycopg.types.json import Jsonb

from django_tandem.config.secrets import mask
from django_tandem.errors import DriverReplaced, NotMigrated, PipelineBusy, RunMoved, RunNotFound
from django_tandem.pipeline import lock, notices
from django_tandem.pipeline.lock import Held
from django_tandem.pipeline.run import Begun, Kind, Policy, Run, StepFact
from django_tandem.pipeline.stages import WAITING, RunState, Step, has_ended, leaves, may_cancel
from django_tandem.pipeline.statements import statement
from django_tandem.queue.connect import Connection

# One number for all who begin runs or decide about them.
_ONE_AT_A_TIME = 0x7A_4D_E5

# Beyond the number of any run.
_NO_RUN = 2**63 - 1


def begin_run(
    connection: Connection,
    commit: str,
    *,
    ref: str | None,
    by: str,
    via: str,
    policy: Policy,
    kind: Kind = "ship",
    digest: str | None = None,
) -> Begun:
    """The open run of `commit`: a new one, unless there is one. `digest`: what a rollback goes back to.

    `policy` says what becomes of other open runs: "supersede" ends those that wait, and their approvals can no longer
    be given; "queue" lets them go first; "reject" raises PipelineBusy. A rollback supersedes, whatever it says.
    """
    policy = "supersede" if kind == "rollback" else policy
    with one_at_a_time(connection):
        expire_gates(connection)
        there = connection.execute(statement("run", "open_of"), {"commit": commit, "kind": kind}).fetchone()
        if there is not None:
            return Begun(read_run(connection, there[0]), is_new=False)
        others = [run for (run,) in connection.execute(statement("run", "open"))]
        if policy == "reject" and others:
            other = read_run(connection, others[0])
            raise PipelineBusy(f"run {other.id} ({other.commit[:12]}) is {other.state.value}: let it end, or end it")
        row = {
            "kind": kind,
            "commit": commit,
            "ref": ref,
            "policy": policy,
            "state": RunState.WAITING.value,
            "digest": digest,
            "by": by,
            "via": via,
        }
        (run,) = connection.execute(statement("run", "begin"), row).fetchone() or ()
        gone = supersede_older(connection, run) if policy == "supersede" else ()
        return Begun(read_run(connection, run), is_new=True, superseded=gone)


def supersede_older(connection: Connection, run: int) -> tuple[int, ...]:
    """End the runs before `run` that wait, or wait for approval; and their numbers."""
    states = [state.value for state in WAITING]
    row = {"by": run, "superseded": RunState.SUPERSEDED.value, "waiting": states}
    gone = tuple(one for (one,) in connection.execute(statement("run", "supersede"), row))
    return _told(connection, gone)


def expire_gates(connection: Connection) -> list[int]:
    """End the runs whose gate nobody decided in time; and their numbers."""
    row = {"to": RunState.EXPIRED.value, "waiting": RunState.ASKING.value}
    return list(_told(connection, [run for (run,) in connection.execute(statement("approval", "expire"), row)]))


def is_turn(connection: Connection, run: int) -> bool:
    """Whether no run that goes before `run` is open: those that began before it; for a
    rollback and an activation none."""
    if read_run(connection, run).kind != "ship":
        return True
    before = [one for (one,) in connection.execute(statement("run", "open")) if one != run]
    return not any(one < run or read_run(connection, one).kind != "ship" for one in before)


def move(
    connection: Connection,
    held: Held,
    run: int,
    to: RunState,
    *,
    reason: str | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """The driver's run becomes `to`, or is that already. `told`: what notices of it say beside the run. Raises
    DriverReplaced, and RunMoved where it is in no state that `to` may follow."""
    row = {
        **_named(held),
        "run": run,
        "to": to.value,
        "leaves": [state.value for state in leaves(to)],
        "ends": has_ended(to),
        "reason": None if reason is None else mask(reason),
    }
    with connection.transaction():
        if connection.execute(statement("run", "move"), row).rowcount:
            tell(connection, run, told)
            return
    refusal = _refusal(connection, held, run, f"it cannot become {to.value}")
    if isinstance(refusal, DriverReplaced) or read_run(connection, run).state is not to:
        raise refusal


def tell(connection: Connection, run: int, more: Mapping[str, Any] | None = None) -> None:
    """Send the notices of how a run stands, in the transaction that made it so; `more` is added to what they say."""
    notices.of_run(connection, read_run(connection, run), more)


def cancel(connection: Connection, run: int, *, by: str, reason: str | None = None) -> None:
    """End a run before migrations began: its driver's next step is refused. Raises RunNotFound, RunMoved."""
    with one_at_a_time(connection):
        connection.execute(statement("run", "hold"), {"run": run})
        found = read_run(connection, run)
        if not may_cancel(found.state, timeline(connection, run)):
            why = found.reason or ("its migrations have begun" if not has_ended(found.state) else "it has ended")
            raise RunMoved(f"run {run} is {found.state.value} and cannot be cancelled: {why}")
        why = f"cancelled by {by}" + (f": {mask(reason)}" if reason else "")
        connection.execute(statement("run", "cancel"), {"run": run, "to": RunState.CANCELLED.value, "reason": why})
        tell(connection, run)


def built(connection: Connection, held: Held, run: int, digest: str, manifest: Mapping[str, Any]) -> None:
    """Enter what `run` built: its manifest, by digest. Raises DriverReplaced, RunMoved."""
    row = {**_named(held), "run": run, "digest": digest, "manifest": Jsonb(dict(manifest))}
    if not connection.execute(statement("run", "built"), row).rowcount:
        raise _refusal(connection, held, run, "nothing is built for it")


def began(
    connection: Connection,
    held: Held,
    run: int,
    step: Step,
    *,
    leg: str | None = None,
    host: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Write that `step` is about to happen, and return the number of the row. `detail`: JSON.

    Raises DriverReplaced, and RunMoved where the run has ended: then it must not happen.
    """
    row = {
        **_named(held),
        "run": run,
        "stage": step.stage,
        "step": step.name,
        "leg": leg,
        "host": host,
        "detail": Jsonb(dict(detail or {})),
    }
    written = connection.execute(statement("step", "began"), row).fetchone()
    if written is None:
        raise _refusal(connection, held, run, f"{step.stage} {step.name} does not begin")
    return int(written[0])


def ended(connection: Connection, held: Held, row: int, detail: Mapping[str, Any] | None = None) -> None:
    """Write that the step that began with `row` has happened. Raises DriverReplaced."""
    _end(connection, held, row, "ended", detail)


def failed(connection: Connection, held: Held, row: int, detail: Mapping[str, Any] | None = None) -> None:
    """Write that the step that began with `row` has failed. Raises DriverReplaced."""
    _end(connection, held, row, "failed", detail)


@contextlib.contextmanager
def writing(
    connection: Connection,
    held: Held,
    run: int,
    step: Step,
    *,
    leg: str | None = None,
    host: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Write `step` before the block and after it: ended, with what the block put into the dictionary, or failed, with
    the exception, which goes on. An interruption (Ctrl-C) is no failure: the step stays begun, to be done again."""
    row = began(connection, held, run, step, leg=leg, host=host, detail=detail)
    told: dict[str, Any] = {}
    try:
        yield told
    except Exception as error:
        text = mask(" ".join(str(error).split()))
        failed(connection, held, row, {**told, "error": type(error).__name__, "text": text})
        raise
    ended(connection, held, row, told)


def read_run(connection: Connection, run: int) -> Run:
    """A run. Raises RunNotFound."""
    found = _runs(connection, "read", {"run": run})
    if not found:
        raise RunNotFound(f"there is no run {run}: `tandem pipeline list` shows the newest")
    return found[0]


def newest_runs(connection: Connection, count: int, *, only_open: bool = False, before: int | None = None) -> list[Run]:
    """The newest runs, newest first; of those that began before the run `before`, where one is named."""
    return _runs(connection, "newest", {"count": count, "open": only_open, "before": before or _NO_RUN})


def timeline(connection: Connection, run: int) -> list[StepFact]:
    """The steps of a run as they stand, in the order in which they began."""
    return [StepFact(*row) for row in connection.execute(statement("step", "of_run"), {"run": run})]


def rows(connection: Connection, run: int) -> list[dict[str, Any]]:
    """The rows of a run, as they were written."""
    cursor = connection.execute(statement("step", "rows"), {"run": run})
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


@contextlib.contextmanager
def one_at_a_time(connection: Connection) -> Iterator[None]:
    """A transaction in which no other run begins, is decided about, superseded or cancelled. Raises NotMigrated."""
    try:
        with connection.transaction():
            connection.execute(statement("run", "one_at_a_time"), {"number": _ONE_AT_A_TIME})
            yield
    except postgres.UndefinedTable as error:
        raise not_migrated(error) from None


def _told(connection: Connection, runs: Sequence[int]) -> tuple[int, ...]:
    for run in runs:
        tell(connection, run)
    return tuple(runs)


def not_migrated(error: postgres.UndefinedTable) -> NotMigrated:
    """The error for an operator where the pipeline's tables are missing."""
    return NotMigrated(f"the pipeline's tables are missing ({error.diag.message_primary}); run: tandem manage migrate")


def _runs(connection: Connection, how: Literal["read", "newest"], parameters: Mapping[str, Any]) -> list[Run]:
    try:
        cursor = connection.execute(statement("run", how), parameters)
    except postgres.UndefinedTable as error:
        raise not_migrated(error) from None
    names = [column.name for column in cursor.description or ()]
    facts = [dict(zip(names, row, strict=True)) for row in cursor]
    return [Run(**{**one, "state": RunState(one["state"])}) for one in facts]


def _end(connection: Connection, held: Held, row: int, what: str, detail: Mapping[str, Any] | None) -> None:
    parameters = {**_named(held), "began": row, "what": what, "detail": Jsonb(dict(detail or {}))}
    if connection.execute(statement("step", "ended"), parameters).fetchone() is not None:
        return
    if lock.has_lost(connection, held):
        raise lock.lost(connection, held)
    # Written again by a driver whose connection broke before it heard that it was written.
    (written,) = connection.execute(statement("step", "end_of"), {"began": row}).fetchone() or ("not begun",)
    if written != what:
        raise RunMoved(f"step {row} has {written}: it cannot have {what}")


def _refusal(connection: Connection, held: Held, run: int, so: str) -> Exception:
    """Why a driver's write was refused: the lock is another's, or the run has moved."""
    if lock.has_lost(connection, held):
        return lock.lost(connection, held)
    found = read_run(connection, run)
    why = f" ({found.reason})" if found.reason else ""
    return RunMoved(f"run {run} is {found.state.value}{why}: {so}")


def _named(held: Held) -> dict[str, Any]:
    return {"lock": held.lock, "owner": held.owner, "epoch": held.epoch}
