"""Drive: walk a run through its stages, from wherever the ledger says that it stands, to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import psycopg

from django_tandem.errors import DriverReplaced, RunMoved, TandemError
from django_tandem.pipeline import ledger, lock, making, releases, retention
from django_tandem.pipeline.activation import Activation, Patience
from django_tandem.pipeline.driving import Driving, Event
from django_tandem.pipeline.fork import Fork
from django_tandem.pipeline.ground import Ground
from django_tandem.pipeline.lock import Held
from django_tandem.pipeline.run import Run
from django_tandem.pipeline.stages import (
    APPROVAL,
    BUILD,
    DRAIN,
    DRAIN_BACK,
    MIGRATE,
    PREPARE,
    PROVE,
    PROVE_BACK,
    SOURCE,
    SWITCH,
    SWITCH_BACK,
    TRIAL,
    VERIFY,
    RunState,
    Step,
    has_ended,
    next_step,
    plan,
    way_back,
)
from django_tandem.queue.connect import Connection, connect
from django_tandem.release import place
from django_tandem.release.hosts.local import LocalHost
from django_tandem.release.hosts.places import Places
from django_tandem.release.place import Placed
from django_tandem.release.verify import Watch

logger = logging.getLogger("django_tandem.pipeline")

P95_S = 5.0


def drive(ground: Ground, connection: Connection, run: int, tell: Callable[[Event], None]) -> Run:
    """Take the lock and walk `run` to its end, or to its gate where nobody has decided yet: nobody holds the lock while
    people think. How the run stands then.

    Raises AnotherDrives where another drives, DriverReplaced where one has taken over.
    """
    return drive_as(lock.acquire(connection, run=run), ground, connection, run, tell)


def drive_as(
    held: Held,
    ground: Ground,
    connection: Connection,
    run: int,
    tell: Callable[[Event], None],
    patience: Patience | None = None,
) -> Run:
    """As `drive`, by the owner of the lock, which is given back. `patience` is that of an activation."""
    places = Places(ground.tandem.root / ".tandem")
    driving = Driving(
        ground=ground,
        connection=connection,
        held=held,
        run=run,
        places=places,
        hosts=(LocalHost("local", places.root),),
        tell=tell,
    )
    with lock.Heartbeat(partial(connect, ground.tandem.alias, purpose="pipeline heartbeat"), held):
        try:
            _Walk(driving, patience or Patience()).to_the_end()
        finally:
            lock.release(connection, held)
    return driving.read()


class _Walk:
    """From step to step, as the ledger says. The fork is made once: to find out what it is about takes seconds."""

    def __init__(self, driving: Driving, patience: Patience) -> None:
        self.driving = driving
        self._patience = patience
        self._made: Fork | None = None

    def to_the_end(self) -> None:
        """Or to the gate, where nobody has decided yet; or until somebody cancels the run."""
        try:
            self._walk()
        except RunMoved:
            if not has_ended(self.driving.read().state):
                raise
        if self.driving.read().state is RunState.CANCELLED:
            self._abandon()

    def _walk(self) -> None:
        driving = self.driving
        while not has_ended((found := driving.read()).state):
            steps = plan(found.kind, gate=driving.tandem.file.pipeline.approval == "required")
            then = next_step(ledger.timeline(driving.connection, driving.run), steps, way_back(found.kind))
            if then.step is None:
                assert then.ends is not None  # noqa: S101 - one of both
                self._end(then.ends)
                if then.ends is RunState.LIVE and found.kind != "activate":
                    retention.prune(driving)
                return
            self._move_for(then.step, found.state)
            try:
                if then.step == APPROVAL and not making.ask(driving):
                    return
                self._do(then.step)
            except (DriverReplaced, RunMoved, psycopg.Error):
                raise  # nobody can write what became of the step: who goes on does it again
            except Exception as error:  # noqa: BLE001 - what follows from a failure is a rule, whatever failed
                self._record(then.step, error)

    def _move_for(self, step: Step, state: RunState) -> None:
        driving = self.driving
        if step in _FORK and state is not RunState.FORKING:
            ledger.move(driving.connection, driving.held, driving.run, RunState.FORKING)
        elif step == SOURCE and state is RunState.WAITING:
            ledger.move(driving.connection, driving.held, driving.run, RunState.RUNNING)

    def _do(self, step: Step) -> None:
        if step in _BEFORE:
            _BEFORE[step](self.driving)
        elif self.driving.read().kind == "activate":
            _ACTIVATION[step](Activation(self.driving, self._patience))
        elif step in _FORK:
            known, fork = self._made is not None, self._fork
            if not known:
                self.driving.legs(step, fork.new.legs)
            _FORK[step](fork)

    def _record(self, step: Step, error: Exception) -> None:
        """A failure is in the ledger, also where it came before the step began to be written."""
        if not isinstance(error, (TandemError, OSError)):
            logger.error("%s %s failed", *step, exc_info=error)
        rows = ledger.timeline(self.driving.connection, self.driving.run)
        last = [row.state for row in rows if (row.stage, row.step) == step and row.leg is None][-1:]
        if last != ["failed"]:
            with suppress(type(error)), self.driving.writing(step):
                raise error

    @property
    def _fork(self) -> Fork:
        if self._made is None:
            self._made = _fork(self.driving)
        return self._made

    def _end(self, state: RunState) -> None:
        driving = self.driving
        steps = ledger.timeline(driving.connection, driving.run)
        reason = next((step.detail.get("text") for step in reversed(steps) if step.state == "failed"), None)
        if state is RunState.FAILED:
            self._abandon(reason)
        ledger.move(driving.connection, driving.held, driving.run, state, reason=reason)

    def _abandon(self, reason: str | None = None) -> None:
        """What stands by for a release that will not be live is ended, unless somebody else started it. `reason`: why
        the run failed, which need not be told again."""
        steps = ledger.timeline(self.driving.connection, self.driving.run)
        is_forked = self.driving.read().kind != "activate"
        if is_forked and any((step.stage, step.step) == PREPARE for step in steps):
            try:
                self._fork.abandon()
            except (TandemError, OSError) as error:
                if str(error) != reason:
                    logger.warning("what stands by was not ended: %s", error)


_BEFORE: Mapping[Step, Callable[[Driving], None]] = {
    SOURCE: making.look,
    BUILD: making.make,
    TRIAL: making.attempt,
}

_FORK: Mapping[Step, Callable[[Fork], None]] = {
    PREPARE: Fork.prepare,
    MIGRATE: Fork.migrate,
    SWITCH: Fork.switch,
    DRAIN: Fork.drain,
    PROVE: Fork.prove,
    VERIFY: Fork.verify,
    SWITCH_BACK: Fork.switch_back,
    DRAIN_BACK: Fork.drain_back,
    PROVE_BACK: Fork.prove_back,
}


_ACTIVATION: Mapping[Step, Callable[[Activation], None]] = {
    PREPARE: Activation.prepare,
    SWITCH: Activation.switch,
    SWITCH_BACK: Activation.switch_back,
}


def _fork(driving: Driving) -> Fork:
    """From the release that was live when the fork began to the run's."""
    digest = driving.read().digest
    assert digest is not None  # noqa: S101 - it was built, or the rollback names it
    new = _placed(driving, digest)
    steps = ledger.timeline(driving.connection, driving.run)
    began = [step.detail for step in steps if (step.stage, step.step) == PREPARE and "from" in step.detail]
    if began:
        name = began[-1]["from"]
        before = releases.read(driving.connection, name) if name else None
    else:
        before = making.live_release(driving)
    old = None
    if before is not None and before.removed_at is None:
        old = _placed(driving, before.digest)
    pipeline = driving.tandem.file.pipeline
    watch = Watch(seconds=pipeline.watch_seconds, paths=pipeline.watch_paths, p95_s=P95_S)
    return Fork(driving, new, old, watch)


def _placed(driving: Driving, digest: str) -> Placed:
    ground = driving.ground
    return place.place(ground.tandem, digest, driving.hosts, driving.places, ground.variables, embedded=ground.embedded)
