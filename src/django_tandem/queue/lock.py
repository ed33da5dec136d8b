"""Named locks: of all processes of the fleet one at a time is in the block that a name stands for."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

from django.utils.asyncio import async_unsafe

from django_tandem.errors import LockLost
from django_tandem.queue import events
from django_tandem.queue.lock_session import LockSession
from django_tandem.queue.options import queue_database

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

LONGEST_S = 30 * 86_400

_IN_A_COROUTINE = "`with lock(…)` would hold up the event loop; in a coroutine it is `async with lock(…)`"


class Held:
    """A lock that is held: its `name`, and `since` when, by the database's clock."""

    def __init__(self, session: LockSession) -> None:
        self.name = session.name
        self.since: datetime = session.since
        self.blocks = 1  # that are open, one in the other
        self.session = session

    @async_unsafe("held.check() would hold up the event loop; in a coroutine it is `await held.acheck()`")
    def check(self) -> None:
        """Ask the database whether it still is. Raises LockLost."""
        self.session.check()

    async def acheck(self) -> None:
        """As check, in a coroutine."""
        await asyncio.wrap_future(_in_thread(self.session.check))


class lock:  # noqa: N801 - it is read as a word: with lock("month-end")
    """Hold the lock `name` while the block runs: `with lock("month-end"): …`, `async with`, or a decorator above a
    function or a coroutine.

    `wait`: seconds to wait for it, None as long as it takes, 0 not at all. Entering raises LockTaken, which names the
    holder, and DatabaseUnreachable. Leaving raises LockLost where the lock was lost meanwhile; `as held` gives the
    block `held.check()`. A block in a block of the same name, in the same thread or asyncio task, is one with it.
    Raises ValueError.
    """

    def __init__(self, name: str, *, wait: float | None = None) -> None:
        if not isinstance(name, str) or not name:
            raise ValueError(f"lock: name is {name!r}; expected a text")
        if wait is not None and not (type(wait) in (int, float) and 0 <= wait <= LONGEST_S):
            raise ValueError(f"lock: wait is {wait!r}; expected seconds from 0 to {LONGEST_S}, or None")
        self.name = name
        self.wait = wait

    @async_unsafe(_IN_A_COROUTINE)
    def __enter__(self) -> Held:
        if held := self._again():
            return held
        session = LockSession(queue_database(), self.name)
        session.take(self.wait)
        return self._keep(session)

    @async_unsafe(_IN_A_COROUTINE)
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if session := self._left():
            with _told_of_loss(error):
                session.release()

    async def __aenter__(self) -> Held:
        if held := self._again():
            return held
        session = LockSession(queue_database(), self.name)
        try:
            await asyncio.wrap_future(_in_thread(lambda: session.take(self.wait)))
        except asyncio.CancelledError:
            session.abandon()
            raise
        return self._keep(session)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if session := self._left():
            with _told_of_loss(error):
                await asyncio.wrap_future(_in_thread(session.release))

    def __call__(self, function: F) -> F:
        """`function`, which then runs as a block of this lock. Raises TypeError."""
        if not callable(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"@lock({self.name!r}) is above {function!r}; expected a function or a coroutine function "
                "that is no generator; of a task it stands below @task"
            )
        wrapper: Any
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                async with self:
                    return await function(*args, **kwargs)
        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return function(*args, **kwargs)

        return wrapper  # type: ignore[no-any-return]

    # How it is done

    def _again(self) -> Held | None:
        """Open one more block of a lock that is held here; None: it is not."""
        held = _held.get((_owner(), self.name))
        if held is not None:
            held.blocks += 1
        return held

    def _keep(self, session: LockSession) -> Held:
        held = _held[_owner(), self.name] = Held(session)
        return held

    def _left(self) -> LockSession | None:
        """Close a block; the session that is to be released with it."""
        key = (_owner(), self.name)
        held = _held.get(key)
        if held is None:
            if key in _of_parent:
                return None
            raise RuntimeError(f"lock {self.name}: its block is left in another thread or task than it was entered in")
        held.blocks -= 1
        if held.blocks:
            return None
        del _held[key]
        return held.session


# By who holds it, a thread or a task of asyncio, and by name.
_held: dict[tuple[object, str], Held] = {}

# In a forked child: what its parent held. It is the parent's to release.
_of_parent: set[tuple[object, str]] = set()


def _disown_in_child() -> None:
    _of_parent.update(_held)
    _held.clear()


os.register_at_fork(after_in_child=_disown_in_child)


def _owner() -> object:
    try:
        return asyncio.current_task() or threading.get_ident()
    except RuntimeError:  # no event loop runs here
        return threading.get_ident()


@contextmanager
def _told_of_loss(error: BaseException | None) -> Iterator[None]:
    """Raise LockLost where the block raised nothing; else let that go on, and log the loss."""
    try:
        yield
    except LockLost as lost:
        if error is None:
            raise
        events.lock_lost(lost)


def _in_thread(function: Callable[[], T]) -> Future[T]:
    """Call `function` in a thread of its own: a pool that is full of those who wait has none for who would end that."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            outcome = functools.partial(future.set_result, function())
        except BaseException as error:  # noqa: BLE001 - handed over
            outcome = functools.partial(future.set_exception, error)
        with suppress(InvalidStateError):  # cancelled meanwhile
            outcome()

    threading.Thread(target=work, name="tandem-lock", daemon=True).start()
    return future
