"""Interrupt: end a job from outside its thread, because it has run too long or because somebody wants it to."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from django.db.backends.signals import connection_created

from django_tandem.errors import TandemError, TimedOut
from django_tandem.queue.job import Job
from django_tandem.queue.loop import or_end_process

T = TypeVar("T")

# How exactly a timeout is kept.
LOOK_S = 0.05

# What an interrupted job may take to put its things in order. Who does not end within it costs its process.
GRACE_S = 5.0

CANCEL_TIMEOUT_S = 2.0

_throw_into = ctypes.pythonapi.PyThreadState_SetAsyncExc


class Interrupted(BaseException):
    """Raised in the thread of a job that is to end. Not an Exception: a task that catches all of those must not catch
    this one."""


class Guard:
    """A job while it runs. `error` says why it was interrupted; it is set at most once, while `open`."""

    __slots__ = ("_throw", "began", "deadline", "error", "give_up_at", "job", "open")

    def __init__(self, job: Job, timeout: float | None, throw: Callable[[Guard], object]) -> None:
        self.job = job
        self.began = time.monotonic()
        self.deadline = None if timeout is None else self.began + timeout
        self.give_up_at = 0.0
        self.error: TandemError | None = None
        self.open = True
        self._throw = throw

    def throw(self) -> None:
        """Let the job end."""
        self._throw(self)


class Interrupts:
    """The jobs that run in this process, and the thread that sees to their time.

    `on_stuck(guard)` is called, in that thread, for a job that was interrupted and has not ended within GRACE_S. Its
    end, if there ever is one, is nobody's from then on.
    """

    def __init__(self, on_stuck: Callable[[Guard], object]) -> None:
        self._on_stuck = on_stuck
        self._guards: dict[int, Guard] = {}
        # Held while an exception is on its way to a thread, so that it cannot arrive after the job has ended.
        self._closing = threading.Lock()
        self._to_look_at = threading.Event()
        self._watching = False
        self._queries: dict[int, WeakSet[Any]] = {}
        connection_created.connect(self._remember)

    def call(self, job: Job, timeout: float | None, function: Callable[[], T]) -> T:
        """What `function` returns, in this thread. Raises TimedOut when it was interrupted after `timeout` seconds, and
        whatever `function` raises."""
        thread = threading.get_ident()
        guard = Guard(job, timeout, lambda _: self._throw(thread))
        try:
            try:
                self._watch(guard)
                return function()
            finally:
                self._close(guard, thread)
        except BaseException as error:
            self._close(guard, thread)  # the interruption may have come while the first was at it
            if guard.error is None:
                raise
            raise guard.error from error

    async def acall(self, job: Job, timeout: float | None, function: Callable[[], Any]) -> Any:
        """As call, for a function that returns an awaitable, in this task."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel(guard: Guard) -> None:
            if guard.open and task is not None:
                task.cancel()

        guard = Guard(job, timeout, lambda guard: loop.call_soon_threadsafe(cancel, guard))
        try:
            self._watch(guard)
            return await function()
        except BaseException as error:
            if guard.error is None:
                raise
            raise guard.error from error
        finally:
            self._close(guard, None)

    def interrupt(self, job: int, error: TandemError) -> bool:
        """End `job` with `error`. False: it does not run here, or was interrupted before."""
        guard = self._guards.get(job)
        return guard is not None and self._interrupt(guard, error)

    # How it is done

    def _watch(self, guard: Guard) -> None:
        self._guards[guard.job.id] = guard
        if guard.deadline is not None:
            self._look_after()

    def _look_after(self) -> None:
        self._to_look_at.set()
        if not self._watching:
            self._start_watching()

    def _close(self, guard: Guard, thread: int | None) -> None:
        with self._closing:
            guard.open = False
            if guard.error is not None and thread is not None:
                _throw_into(ctypes.c_ulong(thread), None)  # if it has not arrived, it must not any more
        self._guards.pop(guard.job.id, None)

    def _start_watching(self) -> None:
        with self._closing:
            if not self._watching:
                self._watching = True
                body = partial(or_end_process, self._look_on)
                threading.Thread(target=body, name="tandem-timeouts", daemon=True).start()

    def _look_on(self) -> None:
        while self._to_look_at.wait():
            time.sleep(LOOK_S)
            self._to_look_at.clear()
            now = time.monotonic()
            for guard in list(self._guards.values()):
                if guard.deadline is not None or guard.error is not None:
                    self._to_look_at.set()
                    self._look(guard, now)

    def _look(self, guard: Guard, now: float) -> None:
        if guard.error is None and guard.deadline is not None and now >= guard.deadline:
            allowed = guard.deadline - guard.began
            self._interrupt(guard, TimedOut(f"it ran longer than its timeout of {allowed:g} s"))
        elif guard.error is not None and now >= guard.give_up_at:
            with self._closing:
                stuck, guard.open = guard.open, False
            self._guards.pop(guard.job.id, None)
            if stuck:
                self._on_stuck(guard)

    def _interrupt(self, guard: Guard, error: TandemError) -> bool:
        with self._closing:
            if not guard.open or guard.error is not None:
                return False
            guard.error, guard.give_up_at = error, time.monotonic() + GRACE_S
            guard.throw()
        self._look_after()
        return True

    def _throw(self, thread: int) -> None:
        _throw_into(ctypes.c_ulong(thread), ctypes.py_object(Interrupted))
        # A thread that waits for the database hears of it when its query ends: end it.
        for wrapper in list(self._queries.get(thread, ())):
            if wrapper.connection is not None and wrapper.vendor == "postgresql":
                with suppress(Exception):  # it is over, or out of reach
                    _cancel_query(wrapper.connection)

    def _remember(self, connection: Any, **_: Any) -> None:
        """Django made a connection in this thread."""
        self._queries.setdefault(threading.get_ident(), WeakSet()).add(connection)


def _cancel_query(connection: Any) -> None:
    """Of psycopg 3 in the way that is encrypted, of psycopg 2 in the only one that it has."""
    if hasattr(connection, "cancel_safe"):
        connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)
    else:
        connection.cancel()
