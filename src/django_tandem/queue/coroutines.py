"""The slots for coroutines: one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from django_tandem.processes.board import BoardRow
from django_tandem.queue.claim import Owner
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.run import arun


class CoroutineSlots:
    """Runs up to `slots` coroutine jobs at once. The thread and its loop start with the first."""

    def __init__(
        self, slots: int, first_slot: int, owner: Owner, row: BoardRow, done: Callable[[Outcome], None]
    ) -> None:
        self._free = deque(range(first_slot, first_slot + slots))
        self._slots = slots
        self._owner = owner
        self._row = row
        self._done = done
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    @property
    def running(self) -> int:
        """How many coroutines run now."""
        return self._slots - len(self._free)

    def begin(self, job: Job) -> bool:
        """Begin `job` if a slot is free; `done` is called with its outcome, in the loop's thread. False: none is."""
        try:
            slot = self._free.pop()
        except IndexError:
            return False
        self._row.begin(slot, job.id)
        asyncio.run_coroutine_threadsafe(self._run(slot, job), self._running_loop())
        return True

    async def _run(self, slot: int, job: Job) -> None:
        outcome = await arun(job, self._owner)
        self._row.end(slot)
        self._free.append(slot)
        self._done(outcome)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="tandem-coroutines", daemon=True).start()
            return self._loop
