"""Ship a commit, go back to a release, or go on with a run that nobody drives any more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from django_tandem.errors import (
    AnotherDrives,
    DatabaseUnreachable,
    NothingStandsBy,
    NothingToResume,
    PipelineBusy,
    ReleaseNotFound,
)
from django_tandem.pipeline import approval, ledger, lock, releases, retention
from django_tandem.pipeline.activation import Patience
from django_tandem.pipeline.drive import drive, drive_as
from django_tandem.pipeline.driving import Event
from django_tandem.pipeline.ground import Ground
from django_tandem.pipeline.hear import heard, listen
from django_tandem.pipeline.run import Begun, Run
from django_tandem.pipeline.stages import SWITCH, WAITING, RunState, has_ended
from django_tandem.pipeline.tip import tip
from django_tandem.queue.connect import Connection, address, connect
from django_tandem.release import source

# An announcement wakes who waits for the lock; one that was lost is made good by a look after so many seconds.
LOOK_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who wants it: `by` is a person, `via` from where. `begun` hears which run it is, `tell` of each step."""

    by: str
    via: str
    begun: Callable[[Begun], None]
    tell: Callable[[Event], None]


def ship(ground: Ground, ref: str | None, caller: Caller) -> Run:
    """Ship the commit that `ref` names (None: pipeline.ref); how its run ended.

    Raises CannotBuild where there is no such commit, PipelineBusy.
    """
    pipeline = ground.tandem.file.pipeline
    commit = source.resolve(ground.tandem.root, ref) if ref else tip(ground.tandem)
    ref = ref or pipeline.ref
    with _connected(ground) as connection:
        run = ledger.begin_run(connection, commit, ref=ref, by=caller.by, via=caller.via, policy=pipeline.while_busy)
        caller.begun(run)
        return _drive_in_turn(ground, connection, run.run.id, caller)


def rollback(ground: Ground, name: str | None, caller: Caller) -> Run:
    """Go back to the release `name` (None: the one that was live before), by the same fork; how its run ended. Raises
    ReleaseNotFound."""
    with _connected(ground) as connection:
        run = begin_rollback(connection, name, by=caller.by, via=caller.via)
        caller.begun(run)
        return _drive_in_turn(ground, connection, run.run.id, caller)


def begin_rollback(connection: Connection, name: str | None, *, by: str, via: str) -> Begun:
    """The run that goes back to the release `name`, by its name or digest (None: the one that was live before), for
    whoever drives it. Raises ReleaseNotFound."""
    release = retention.before(connection) if name is None else releases.read(connection, name)
    if release is None or release.removed_at is not None:
        what = "no release before the live one" if name is None else f"{name}: no release of this name"
        raise ReleaseNotFound(f"{what} is there; tandem pipeline list shows what was shipped")
    return ledger.begin_run(
        connection,
        release.commit,
        ref=release.release,
        by=by,
        via=via,
        policy="supersede",
        kind="rollback",
        digest=release.digest,
    )


def activate(ground: Ground, name: str, caller: Caller, patience: Patience) -> Run:
    """Move the fence to the release `name`, whose servers somebody else started; how its run ended.

    Raises AnotherDrives while a run is driven, PipelineBusy where one stands that nobody drives, NothingStandsBy where
    the release is not ready: then nothing has changed.
    """
    with _connected(ground) as connection:
        built = releases.named(connection, name)
        with connection.transaction():
            run = ledger.begin_run(
                connection,
                built.release if built else name,
                ref=None,
                by=caller.by,
                via=caller.via,
                policy="queue",
                kind="activate",
                digest=built.digest if built else None,
            )
            _must_be_alone(connection, run.run.id)
            held = lock.acquire(connection, run=run.run.id)
        caller.begun(run)
        ended = drive_as(held, ground, connection, run.run.id, caller.tell, patience)
        if ended.state is RunState.FAILED and not _was_switched(connection, ended.id):
            raise NothingStandsBy(ended.reason or f"{name} is not ready")
        return ended


def resume(ground: Ground, run: int | None, caller: Caller) -> Run:
    """Go on with a run whose driver is gone (None: the oldest that is open). Raises RunNotFound, NothingToResume."""
    with _connected(ground) as connection:
        if run is None:
            open_runs = ledger.newest_runs(connection, 1000, only_open=True)
            if not open_runs:
                raise NothingToResume("no run is open; tandem ship begins one")
            run = open_runs[-1].id
        found = ledger.read_run(connection, run)
        if has_ended(found.state):
            raise NothingToResume(f"run {run} has ended: it is {found.state.value}; tandem ship begins another")
        caller.begun(Begun(found, is_new=False))
        return _drive_in_turn(ground, connection, run, caller)


@contextlib.contextmanager
def _connected(ground: Ground) -> Iterator[Connection]:
    """A driver's connection. Raises DatabaseUnreachable, also where it breaks later."""
    try:
        with connect(ground.tandem.alias, purpose="pipeline") as connection:
            yield connection
    except psycopg.Error as error:
        cause = " ".join(str(error).split())
        raise DatabaseUnreachable(
            f"the database {address(ground.tandem.alias)} failed: {cause}; "
            "when it answers again, tandem pipeline resume goes on with the run"
        ) from error


def _drive_in_turn(ground: Ground, connection: Connection, run: int, caller: Caller) -> Run:
    """Until the run has ended, which may be because it is superseded: drive it when those before it have ended and
    nobody else drives, and wait at its gate."""
    listen(connection)
    while not has_ended((found := ledger.read_run(connection, run)).state):
        if found.state is RunState.ASKING:
            approval.wait(connection, run)
        elif ledger.is_turn(connection, run):
            with contextlib.suppress(AnotherDrives):
                drive(ground, connection, run, caller.tell)
                continue
        heard(connection, LOOK_S)
    return found


def _must_be_alone(connection: Connection, run: int) -> None:
    for other in ledger.newest_runs(connection, 1000, only_open=True):
        if other.id != run and other.state not in WAITING:
            raise PipelineBusy(
                f"run {other.id} ({other.release}) is {other.state.value}: let it end, or go on with it by "
                f"tandem pipeline resume {other.id}"
            )


def _was_switched(connection: Connection, run: int) -> bool:
    return any((step.stage, step.step) == SWITCH for step in ledger.timeline(connection, run))
