"""Watch: begin a run of each commit that pipeline.ref comes to name, and drive whatever is open and nobody drives.

One thread looks at the repository, so that commits are entered while another is driven; the main one drives.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import psycopg

from django_tandem.errors import (
    AnotherDrives,
    DatabaseUnreachable,
    DriverReplaced,
    PipelineBusy,
    RunMoved,
    TandemError,
)
from django_tandem.pipeline import approval, ledger
from django_tandem.pipeline.alarm import Alarm
from django_tandem.pipeline.drive import drive
from django_tandem.pipeline.ground import Ground
from django_tandem.pipeline.hear import heard, listen
from django_tandem.pipeline.run import Begun, Run
from django_tandem.pipeline.ship import Caller
from django_tandem.pipeline.stages import RunState, has_ended
from django_tandem.pipeline.statements import statement
from django_tandem.pipeline.tip import tip
from django_tandem.pipeline.trouble import Trouble
from django_tandem.pipeline.wake import Wake
from django_tandem.queue.connect import Connection, connect
from django_tandem.release.hosts.places import Places

# Announcements wake it; one that was lost is made good by a look after so many seconds. Gates expire as exactly.
LOOK_S = 5.0
# How often it looks for orphans, where it has nothing to drive.
ORPHANS_S = 30.0
# However often it is woken, it looks at the repository at most so often.
LEAST_S = 0.2
# Between attempts where something fails: doubled from the first to the last.
FIRST_REST_S, LONGEST_REST_S = 0.5, 30.0
MOST_OPEN = 1000


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Who watches, and what hears of it: `caller` of runs and steps, `stands` of a run that was driven as far as it
    goes, or that ended at its gate, and `say` of everything else, in a line. `every_s`: between looks."""

    ground: Ground
    caller: Caller
    stands: Callable[[Run], None]
    say: Callable[[str], None]
    every_s: float


def watch(watcher: Watcher) -> None:
    """Until interrupted (KeyboardInterrupt): then a step that was begun stays begun, for whoever goes on. Whatever
    fails is said once, and tried again. Raises what nobody expects."""
    trouble = Trouble(watcher.say)
    with Wake(Places(watcher.ground.tandem.root / ".tandem").wake) as wake, _Looker(watcher, trouble, wake) as looker:
        _Driver(watcher, trouble, looker).for_ever()


def begin_once(connection: Connection, watcher: Watcher, commit: str) -> Begun:
    """The run of `commit`: one that was begun before, whatever became of it, or a new one. Raises PipelineBusy."""
    pipeline, caller = watcher.ground.tandem.file.pipeline, watcher.caller
    with ledger.one_at_a_time(connection):
        there = connection.execute(statement("run", "of_commit"), {"commit": commit}).fetchone()
        if there is not None:
            return Begun(ledger.read_run(connection, there[0]), is_new=False)
        return ledger.begin_run(
            connection, commit, ref=pipeline.ref, by=caller.by, via=caller.via, policy=pipeline.while_busy
        )


class _Looker:
    """The thread that looks: when it is woken, and from time to time."""

    def __init__(self, watcher: Watcher, trouble: Trouble, wake: Wake) -> None:
        self._watcher = watcher
        self._trouble = trouble
        self._wake = wake
        self._seen: str | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="looks at the repository", daemon=True)

    def __enter__(self) -> _Looker:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.end()
        self._thread.join()

    def raise_if_dead(self) -> None:
        """Raise what ended it."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            rest_s, goes_on = FIRST_REST_S, True
            while goes_on:
                began = time.monotonic()
                if self._look():
                    rest_s, wait_s = FIRST_REST_S, self._watcher.every_s
                else:
                    rest_s, wait_s = min(2 * rest_s, LONGEST_REST_S), rest_s
                goes_on = self._wake.wait(wait_s)
                too_soon = began + LEAST_S - time.monotonic()
                if goes_on and too_soon > 0:
                    time.sleep(too_soon)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._error = error

    def _look(self) -> bool:
        """Begin what is new; False where that failed and is to be tried again."""
        try:
            commit = tip(self._watcher.ground.tandem)
        except TandemError as error:
            self._trouble.fails("the repository", "looks", error)
            return False
        self._trouble.works("the repository", "looks")
        if commit == self._seen:
            return True
        try:
            with connect(self._watcher.ground.tandem.alias, purpose="watch") as connection:
                begun = begin_once(connection, self._watcher, commit)
        except PipelineBusy as error:
            self._watcher.say(f"{commit[:12]} is refused, and not begun later: {error}")
        except (DatabaseUnreachable, psycopg.Error) as error:
            self._trouble.fails("the database", "looks", error)
            return False
        else:
            if begun.is_new:
                self._watcher.caller.begun(begun)
        self._trouble.works("the database", "looks")
        self._seen = commit
        return True


class _Driver:
    """Drives, in turn, whatever is open, to its end or to its gate."""

    def __init__(self, watcher: Watcher, trouble: Trouble, looker: _Looker) -> None:
        self._watcher = watcher
        self._trouble = trouble
        self._looker = looker
        self._at_the_gate: set[int] = set()
        self._alarm, self._alarm_at = Alarm(watcher.say), 0.0

    def for_ever(self) -> None:
        rest_s = FIRST_REST_S
        while True:
            try:
                with connect(self._watcher.ground.tandem.alias, purpose="pipeline") as connection:
                    listen(connection)
                    self._trouble.works("the database", "drives")
                    rest_s = FIRST_REST_S
                    self._turn_by_turn(connection)
            except (DatabaseUnreachable, psycopg.Error) as error:
                self._trouble.fails("the database", "drives", error)
                self._looker.raise_if_dead()
                time.sleep(rest_s)
                rest_s = min(2 * rest_s, LONGEST_REST_S)

    def _turn_by_turn(self, connection: Connection) -> None:
        while True:
            self._looker.raise_if_dead()
            run = self._next(connection)
            if run is None or not self._drive(connection, run):
                self._look_for_orphans(connection)
                heard(connection, LOOK_S)

    def _look_for_orphans(self, connection: Connection) -> None:
        if time.monotonic() < self._alarm_at:
            return
        self._alarm_at = time.monotonic() + ORPHANS_S
        try:
            self._alarm.look(connection, self._watcher.ground.tandem)
        except DatabaseUnreachable:
            raise
        except TandemError as error:
            self._trouble.fails("the look at what runs", "drives", error)
        else:
            self._trouble.works("the look at what runs", "drives")

    def _next(self, connection: Connection) -> int | None:
        """The open run whose turn it is, unless it waits at its gate."""
        open_runs = ledger.newest_runs(connection, MOST_OPEN, only_open=True)[::-1]
        if any(run.state is RunState.ASKING for run in open_runs):
            approval.expire(connection)
        for gone in self._at_the_gate - {run.id for run in open_runs}:
            self._at_the_gate.discard(gone)
            self._watcher.stands(ledger.read_run(connection, gone))
        waiting = [run for run in open_runs if run.state is not RunState.ASKING]
        return next((run.id for run in waiting if ledger.is_turn(connection, run.id)), None)

    def _drive(self, connection: Connection, run: int) -> bool:
        """Drive `run` as far as it goes; False where another does, or it is to be tried again later."""
        try:
            stands = drive(self._watcher.ground, connection, run, self._watcher.caller.tell)
        except AnotherDrives:
            return False
        except (DriverReplaced, RunMoved) as error:
            self._watcher.say(f"run {run}: {error}")
            return True
        except DatabaseUnreachable:
            raise
        except TandemError as error:
            self._trouble.fails(f"run {run}", "drives", error)
            return False
        self._trouble.works(f"run {run}", "drives")
        self._watcher.stands(stands)
        if not has_ended(stands.state):
            self._at_the_gate.add(run)
        return True
