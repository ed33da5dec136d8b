"""Orders: what is said to all workers. Where the fence stands, what is paused or cancelled, how far to yield."""

from __future__ import annotations

import time
from collections.abc import Set

from django_tandem.errors import Cancelled
from django_tandem.queue import claim, events, fence, pressure
from django_tandem.queue.claim import Owner
from django_tandem.queue.connect import Connection
from django_tandem.queue.coroutines import CoroutineSlots
from django_tandem.queue.intake import Intake
from django_tandem.queue.interrupt import Interrupts
from django_tandem.queue.listen import CANCEL, FENCE, PAUSE, PRESSURE
from django_tandem.queue.run import cut_off
from django_tandem.queue.yielding import Yielding


class Orders:
    """Reads them for one worker of `release`, and has its parts follow them. `leaving`: it claims no more, whatever is
    said."""

    def __init__(
        self,
        release: str,
        owner: Owner,
        intake: Intake,
        interrupts: Interrupts,
        coroutines: CoroutineSlots,
        yielding: Yielding | None,
    ) -> None:
        self._release = release
        self._owner = owner
        self._intake = intake
        self._interrupts = interrupts
        self._coroutines = coroutines
        self._yielding = yielding
        self._seen: fence.Fence | None = None
        self._pressed = pressure.NONE
        self.leaving = False

    def hear(self, connection: Connection, told: Set[str]) -> None:
        """Read those that were said on these channels."""
        if FENCE in told:
            self.read_fence(connection)
        if PAUSE in told:
            self._read_pauses(connection, changed=True)
        if CANCEL in told:
            self.read_cancelled(connection)
        if PRESSURE in told:
            self._read_pressure(connection)

    def read_all(self, connection: Connection) -> None:
        """Read all of them, for something may not have been heard."""
        self.read_fence(connection)
        self._read_pauses(connection)
        self.read_cancelled(connection)
        self._read_pressure(connection)

    def read_fence(self, connection: Connection) -> None:
        """Claim while the fence names this release, and not otherwise."""
        seen = fence.read(connection)
        epoch = seen.epoch if seen.release == self._release else None
        if seen != self._seen:
            self._seen = seen
            if epoch is None:
                events.standby(self._release, seen.release)
            else:
                events.active(self._release, epoch)
        self._intake.epoch = None if self.leaving else epoch
        if epoch is None:
            self._intake.release_held()

    def read_cancelled(self, connection: Connection) -> None:
        """Interrupt what somebody wants to end. What is held and was not begun ends too."""
        for job_id, by in claim.cancelled(connection, self._owner).items():
            error = Cancelled(f"cancelled by {by}")
            if not self._interrupts.interrupt(job_id, error) and (job := self._intake.end_held(job_id)):
                self._intake.give(cut_off(job, self._owner, time.monotonic(), error))

    def _read_pauses(self, connection: Connection, *, changed: bool = False) -> None:
        tasks = claim.paused_tasks(connection)
        if changed or tasks != self._intake.paused:
            self._intake.pause(tasks)

    def _read_pressure(self, connection: Connection) -> None:
        """Close slots to jobs of low priority as far as somebody says, and open them again."""
        if self._yielding is None:
            return
        told = pressure.read(connection, self._yielding.role)
        if told.level != self._pressed.level:
            events.yields(told.level, told.why)
            split = self._yielding.split(told.level)
            self._coroutines.divide(split)
            self._intake.divide(split)
        self._pressed = told
