"""The slots for coroutines: one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from django_tandem.processes.board import BoardRow
from django_tandem.queue.claim import Owner
from django_tandem.queue.interrupt import Interrupts
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.loop import or_end_process
from django_tandem.queue.run import arun
from django_tandem.queue.yielding import PRESSING, USUAL, Split


class CoroutineSlots:
    """Runs up to `slots` coroutine jobs at once. The thread and its loop start with the first."""

    def __init__(
        self,
        slots: int,
        first_slot: int,
        owner: Owner,
        row: BoardRow,
        interrupts: Interrupts,
        done: Callable[[Outcome], None],
    ) -> None:
        self._free = deque(range(first_slot, first_slot + slots))
        self._slots = slots
        self._negative, self._usual = slots, slots  # how many may run where one of this priority begins
        self._owner = owner
        self._row = row
        self._interrupts = interrupts
        self._done = done
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many coroutines run now."""
        return self._slots - len(self._free)

    def divide(self, split: Split) -> None:
        """Of these slots as many parts begin jobs of low priority as of those that `split` is about."""
        whole = max(1, split.slots)
        self._negative = self._slots * split.any // whole
        self._usual = self._slots * (split.any + split.usual) // whole

    def begin(self, job: Job) -> bool:
        """Begin `job` if a slot is free for one of its priority; `done` is called with its outcome, in the loop's
        thread. False: none is."""
        if job.priority < PRESSING and self.running >= (self._usual if job.priority >= USUAL else self._negative):
            return False
        try:
            slot = self._free.pop()
        except IndexError:
            return False
        self._row.begin(slot, job.id)
        loop = self._running_loop()
        loop.call_soon_threadsafe(self._start, slot, job)
        return True

    def _start(self, slot: int, job: Job) -> None:
        running = asyncio.get_running_loop().create_task(self._run(slot, job))
        self._tasks.add(running)  # the loop itself refers to it only weakly
        running.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        or_end_process(task.result)

    async def _run(self, slot: int, job: Job) -> None:
        outcome = await arun(job, self._owner, self._interrupts)
        self._row.end(slot)
        self._free.append(slot)
        self._done(outcome)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                os.register_at_fork(after_in_child=partial(self._forked, self._loop))
                body = partial(or_end_process, partial(self._live, self._loop))
                self._thread = threading.Thread(target=body, name="tandem-coroutines", daemon=True)
                self._thread.start()
            return self._loop

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            if os.getpid() != self._owner.worker:
                os._exit(0)

    def _forked(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the child of a coroutine that forked: its copy of the loop must not go on with the others."""
        if threading.current_thread() is self._thread:
            getattr(loop, "_ready", deque[object]()).clear()  # what would still run in this turn
            loop.stop()
