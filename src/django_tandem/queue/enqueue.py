"""Enqueue: a row for each job, in the caller's own transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from django_tandem.errors import InvalidJob
from django_tandem.queue import prepared
from django_tandem.queue.arguments import Arguments, dump_arguments
from django_tandem.queue.options import Options
from django_tandem.queue.priority import head_start
from django_tandem.queue.statements import statement
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import Task
from django_tandem.queue.times import aware, from_epoch

_ENQUEUE = statement("enqueue", "enqueue")
_ENQUEUE_AS = statement("enqueue", "enqueue_as")
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
    path, run_after = task.module_path, aware(task.module_path, task.run_after)
    job = {
        "queue": task.queue_name,
        "task": path,
        "arguments": dump_arguments(path, args, kwargs, options.max_bytes),
        "backend": task.backend,
        "priority": task.priority,
        "head_start": head_start(task.priority, options.patience_of(task.queue_name)),
    }
    if _waits_for_another_database(options.database):
        return _enqueue_on_commit(options.database, {**job, "run_after": run_after})
    if run_after is None:
        job_id, at, _ = prepared.execute(options.database, _ENQUEUE, job)
    else:
        job_id, at, _ = prepared.execute(options.database, _ENQUEUE_AS, {**job, "id": None, "run_after": run_after})
    return Enqueued(job_id, from_epoch(at))


def _enqueue_on_commit(database: str, job: Mapping[str, Any]) -> Enqueued:
    (job_id,), at = _reserve(database, 1)

    def write() -> None:
        prepared.execute(database, _ENQUEUE_AS, {**job, "id": job_id})

    transaction.on_commit(write, using=DEFAULT_DB_ALIAS)
    return Enqueued(job_id, from_epoch(at))


def once_written(database: str, tell: Callable[[], object]) -> None:
    """Call `tell` when the job that was just enqueued is in the table: now, or when the caller's transaction on
    another database commits."""
    if _waits_for_another_database(database):
        transaction.on_commit(tell, using=DEFAULT_DB_ALIAS)
    else:
        tell()


def enqueue_many(task: Task[..., Any], arguments: Iterable[Arguments], options: Options) -> list[int]:
    """Write one job of `task` for each `(args, kwargs)`, as a stream, and return their ids in order.

    All or none: one transaction, or a savepoint of the caller's where one is open, so that a caller who catches the
    error goes on. Raises InvalidJob, which names the argument.
    """
    path, pairs = task.module_path, iter(arguments)
    if _waits_for_another_database(options.database):
        raise InvalidJob(
            f"{path}: enqueue_many inside a transaction on {DEFAULT_DB_ALIAS!r} cannot join it, "
            f"because the queue is on {options.database!r}; call it in transaction.on_commit"
        )
    ids: list[int] = []
    with transaction.atomic(using=options.database):
        while batch := [dump_arguments(path, *pair, options.max_bytes) for pair in islice(pairs, COPY_BATCH)]:
            ids += _copy(task, batch, options)
    return ids


def _copy(task: Task[..., Any], arguments: list[str], options: Options) -> list[int]:
    ids, at = _reserve(options.database, len(arguments))
    now, run_after = datetime.fromtimestamp(at, timezone.utc), aware(task.module_path, task.run_after)
    later = run_after is not None and run_after > now
    due = run_after if later else now - head_start(task.priority, options.patience_of(task.queue_name))
    state = State.SCHEDULED if later else State.READY
    before = "\t".join(map(_copied, (task.queue_name, task.module_path)))
    after = "\t".join(map(_copied, (task.backend, task.priority, int(state), due, now, run_after)))
    rows = [f"{job}\t{before}\t{_copied(text)}\t{after}\n" for job, text in zip(ids, arguments, strict=True)]
    with connections[options.database].cursor() as cursor:
        with cursor.copy(_COPY) as stream:
            stream.write("".join(rows))
        if state is State.READY:
            cursor.execute(_ANNOUNCE, {"queue": task.queue_name, "due": due})
    return ids


def _copied(value: Any) -> str:
    """A value in the text format of COPY: postgresql.org, "COPY", "File Formats"."""
    if value is None:
        return r"\N"
    text = str(value)
    if "\\" not in text and text.isprintable():
        return text
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def _reserve(database: str, count: int) -> tuple[list[int], float]:
    """New ids, and the time by the database's clock, in seconds since 1970."""
    with connections[database].cursor() as cursor:
        cursor.execute(_RESERVE, {"count": count})
        ids, at = cursor.fetchone()
        return ids, at


def _waits_for_another_database(database: str) -> bool:
    return database != DEFAULT_DB_ALIAS and connections[DEFAULT_DB_ALIAS].in_atomic_block
