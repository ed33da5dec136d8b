"""Enqueue: a row for each job, in the caller's own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from django_tandem.errors import InvalidJob
from django_tandem.queue.arguments import Arguments, dump_arguments
from django_tandem.queue.options import Options
from django_tandem.queue.priority import head_start
from django_tandem.queue.statements import statement
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import Task

_ENQUEUE = statement("enqueue", "enqueue")
_RESERVE = statement("enqueue", "reserve")
_COPY = statement("enqueue", "copy")
_ANNOUNCE = statement("enqueue", "announce")

COPY_BATCH = 10_000


class Enqueued(NamedTuple):
    """The id of a new job, and the database's time when it was enqueued."""

    id: int
    at: datetime


def enqueue(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> Enqueued:
    """Write one job. It commits or rolls back with the transaction that is open on the queue's database; where the
    caller's transaction is on another database, the row is written when that one commits.

    Raises InvalidJob, before anything is written.
    """
    path = task.module_path
    params = {
        "id": None,
        "queue": task.queue_name,
        "task": path,
        "arguments": dump_arguments(path, args, kwargs, options.max_bytes),
        "backend": task.backend,
        "priority": task.priority,
        "run_after": _aware(path, task.run_after),
        "head_start": head_start(task.priority, options.patience_of(task.queue_name)),
    }
    if _waits_for_another_database(options.database):
        reserved = _reserve(options.database, 1)[0]
        transaction.on_commit(lambda: _insert(options.database, {**params, "id": reserved.id}), using=DEFAULT_DB_ALIAS)
        return reserved
    return _insert(options.database, params)


def _insert(database: str, params: dict[str, Any]) -> Enqueued:
    with connections[database].cursor() as cursor:
        cursor.execute(_ENQUEUE, params)
        return Enqueued(*cursor.fetchone()[:2])


def enqueue_many(task: Task[..., Any], arguments: Iterable[Arguments], options: Options) -> list[int]:
    """Write one job of `task` for each `(args, kwargs)`, as a stream, and return their ids in order.

    All or none: one transaction, the caller's where one is open. Raises InvalidJob, which names the argument.
    """
    if _waits_for_another_database(options.database):
        raise InvalidJob(
            f"{task.module_path}: enqueue_many inside a transaction on {DEFAULT_DB_ALIAS!r} cannot join it, "
            f"because the queue is on {options.database!r}; call it in transaction.on_commit"
        )
    path, pairs, ids = task.module_path, iter(arguments), []
    with transaction.atomic(using=options.database, savepoint=False):
        while batch := [dump_arguments(path, *pair, options.max_bytes) for pair in islice(pairs, COPY_BATCH)]:
            ids += _copy(task, batch, options)
    return ids


def _copy(task: Task[..., Any], arguments: list[str], options: Options) -> list[int]:
    reserved = _reserve(options.database, len(arguments))
    path, now = task.module_path, reserved[0].at
    run_after = _aware(path, task.run_after)
    later = run_after is not None and run_after > now
    due = run_after if later else now - head_start(task.priority, options.patience_of(task.queue_name))
    state = State.SCHEDULED if later else State.READY
    constant = (int(task.priority), int(state), due, now, run_after)
    with connections[options.database].cursor() as cursor:
        with cursor.copy(_COPY) as stream:
            for (job, _), text in zip(reserved, arguments, strict=True):
                stream.write_row((job, task.queue_name, path, text, task.backend, *constant))
        if state is State.READY:
            cursor.execute(_ANNOUNCE, {"queue": task.queue_name, "due": due})
    return [job for job, _ in reserved]


def _reserve(database: str, count: int) -> list[Enqueued]:
    with connections[database].cursor() as cursor:
        cursor.execute(_RESERVE, {"count": count})
        return [Enqueued(*row) for row in cursor.fetchall()]


def _waits_for_another_database(database: str) -> bool:
    return database != DEFAULT_DB_ALIAS and connections[DEFAULT_DB_ALIAS].in_atomic_block


def _aware(task: str, run_after: datetime | None) -> datetime | None:
    if run_after is not None and run_after.utcoffset() is None:
        raise InvalidJob(f"{task}: run_after is a naive datetime ({run_after}); expected one with a time zone")
    return run_after
