"""Together: what is enqueued one by one within a block is written as a stream, without a round trip for each job."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections, transaction

from django_tandem.queue import stream
from django_tandem.queue.options import queue_database
from django_tandem.queue.states import State
from django_tandem.queue.stream import row, smallint, text, time

# Written before the block's end where there are more, so that memory stays bounded.
MOST_WAITING = 10_000

# Reserved at first; twice as many each next time.
FEW_IDS, MANY_IDS = 50, 1600


@contextmanager
def together(database: str | None = None) -> Iterator[None]:
    """Let `task.enqueue` in this block cost no round trip: its jobs are written when the block ends, all or none, in a
    transaction, or in a savepoint of the caller's where one is open. An exception that leaves the block leaves none.

    `database`: the alias of the queue's; by default that of the first backend that is Tandem's. Each result has its id
    at once. Jobs with a `run_after`, of tasks that are unique, limited or expire, and those of an inner transaction
    that may be rolled back alone are written at once, as without the block; all of them belong to its transaction.
    Until the block ends the others are seen by `get_result` only, and not where an inner transaction is open.

    For one thread: what others enqueue meanwhile is their own. Raises Django's database errors.
    """
    alias = database or queue_database()
    wrapper: Any = connections[alias]
    with transaction.atomic(using=alias):
        outer, block = _blocks.get(wrapper), _Block(alias, wrapper)
        _blocks[wrapper] = block
        try:
            yield
            block.write()
        finally:
            if outer is None:
                del _blocks[wrapper]
            else:
                _blocks[wrapper] = outer
    for tell in block.tells:
        tell()


def open_block(database: str) -> _Block | None:
    """The block that waits for what is enqueued here and now; None where there is none, or a savepoint within it is
    open, with which the job may have to vanish."""
    if not _blocks:
        return None
    wrapper = connections[database]
    block = _blocks.get(wrapper)
    return block if block is not None and block.within == _savepoints(wrapper) else None


class _Block:
    """`tells` are called once its jobs are in the table. `within`: the savepoints that were open when it began."""

    def __init__(self, database: str, wrapper: Any) -> None:
        self.within = _savepoints(wrapper)
        self.tells: list[Callable[[], object]] = []
        self._database = database
        self._rows: list[bytes] = []
        # The earliest due by queue and priority, of what is not announced.
        self._ready: dict[tuple[str, int], datetime] = {}
        # By queue, task, backend and priority: see _kind.
        self._kinds: dict[tuple[str, str, str, int], tuple[bytes, bytes]] = {}
        self._ids: deque[int] = deque()
        self._next = FEW_IDS
        # The database's time, and the monotonic one when it told that.
        self._told: tuple[datetime, float] | None = None

    def add(self, job: Mapping[str, Any], trace: str | None) -> tuple[int, datetime]:
        """Its id, and the time at which it is enqueued, in UTC. `job`: the parameters of the statement `enqueue`."""
        if not self._ids:
            ids, now = stream.reserve(self._database, self._next)
            self._ids.extend(ids)
            self._told = (now, monotonic())
            self._next = min(2 * self._next, MANY_IDS)
        assert self._told is not None  # noqa: S101 - with the ids
        told, read_at = self._told
        at = told + timedelta(seconds=monotonic() - read_at)
        due, job_id = at - job["head_start"], self._ids.popleft()
        kind = (job["queue"], job["task"], job["backend"], job["priority"])
        if kind not in self._kinds:
            self._kinds[kind] = _kind(*kind)
            self._ready.setdefault((job["queue"], job["priority"]), due)
        before, after = self._kinds[kind]
        self._rows.append(
            row(job_id) + before + text(job["arguments"]) + after + time(due) + time(at) + _PLAIN + text(trace)
        )
        if len(self._rows) >= MOST_WAITING:
            self.write()
        return job_id, at

    def write(self) -> None:
        """Write what waits. Where that fails it goes on waiting: the block's end, which writes too, fails then as well,
        whoever has caught the first error."""
        if self._rows:
            stream.write(self._database, self._rows)
            self._rows = []
        for (queue, priority), due in self._ready.items():
            stream.announce(self._database, queue, due, priority)
        self._ready.clear()
        self._kinds.clear()


# Without run_after, expires_at, a limit's key and number.
_PLAIN = time(None) + time(None) + text(None) + smallint(None)


def _kind(queue: str, task: str, backend: str, priority: int) -> tuple[bytes, bytes]:
    """What the rows of all such jobs have in common: before their arguments, and after them."""
    return text(queue) + text(task), text(backend) + smallint(priority) + smallint(State.READY)


# By Django's wrapper, which belongs to one thread.
_blocks: WeakKeyDictionary[Any, _Block] = WeakKeyDictionary()


def _savepoints(wrapper: Any) -> list[str]:
    """Those that can be rolled back to; where Django made none, it has put None."""
    return [savepoint for savepoint in wrapper.savepoint_ids if savepoint is not None]
