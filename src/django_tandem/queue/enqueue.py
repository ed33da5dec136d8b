"""Enqueue: a row for each job, in the caller's own transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from django_tandem.errors import AlreadyEnqueued, InvalidJob
from django_tandem.queue import limits, prepared, spans, stream
from django_tandem.queue.arguments import Arguments, dump_arguments, dump_while_plain
from django_tandem.queue.connect import Connection
from django_tandem.queue.encryption import digest
from django_tandem.queue.keys import Limit, Unique, limit_key, unique_key
from django_tandem.queue.options import Options
from django_tandem.queue.priority import head_start
from django_tandem.queue.statements import statement
from django_tandem.queue.states import State
from django_tandem.queue.stream import row, smallint, text, time
from django_tandem.queue.task import TandemTask
from django_tandem.queue.tasks_api import Task
from django_tandem.queue.times import aware, for_django, from_epoch
from django_tandem.queue.together import open_block

_ENQUEUE = statement("enqueue", "enqueue")
_ENQUEUE_AS = statement("enqueue", "enqueue_as")
_ENQUEUE_OR_REPLACE = statement("enqueue", "enqueue_or_replace")
_FIRST = statement("enqueue", "first")

COPY_BATCH = 10_000


class Enqueued(NamedTuple):
    """The id of a job, and the database's time when it was enqueued; `at` is None for one that was there before."""

    id: int
    at: datetime | None


def enqueue(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> Enqueued:
    """Write one job. It commits or rolls back with the transaction that is open on the queue's database; where the
    caller's transaction is on another database, the row is written when that one commits.

    Of a task that is unique it may be a job that was there before. Raises InvalidJob or AlreadyEnqueued, before
    anything is written.
    """
    if not spans.are_on():
        return _enqueue(task, args, kwargs, options)
    with spans.Publishing(task.module_path, task.queue_name) as span:
        enqueued = _enqueue(task, args, kwargs, options, span.trace)
        span.told(enqueued.id)
    return enqueued


def _enqueue(
    task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: Options, trace: str | None = None
) -> Enqueued:
    run_after = aware(task.module_path, task.run_after, lambda: stream.reserve(options.database, 0)[1])
    job = _job(task, args, kwargs, options)
    on_commit = _waits_for_another_database(options.database)
    if not on_commit and run_after is None and not _has_more(task):
        if (block := open_block(options.database)) is not None:
            job_id, now = block.add(job, trace)
            return Enqueued(job_id, for_django(now))
        if trace is None:
            job_id, at, _ = prepared.execute(options.database, _ENQUEUE, job)
            return Enqueued(job_id, from_epoch(at))
    job |= {"id": None, "run_after": run_after, "trace": trace, **_more(task, args, kwargs, options)}
    if on_commit:
        return _enqueue_on_commit(options.database, job)
    return _enqueue_with_more(options.database, job, task)


def enqueue_on(
    connection: Connection, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: Options
) -> int | None:
    """Write one job on a connection of the queue's own, in the transaction that is open on it; its id, or None where an
    unfinished job has its unique key. For a task without `run_after`, and without a limit, which Django's connection
    looks after. Raises InvalidJob, before anything is written."""
    job = _job(task, args, kwargs, options) | {"id": None, "run_after": None, "trace": None}
    job |= _more(task, args, kwargs, options)
    row = connection.execute(_ENQUEUE_AS, job).fetchone()
    return None if row is None else int(row[0])


def _job(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> dict[str, Any]:
    path = task.module_path
    return {
        "queue": task.queue_name,
        "task": path,
        "arguments": _stored(dump_arguments(path, args, kwargs, options.max_bytes), options),
        "backend": task.backend,
        "priority": task.priority,
        "head_start": head_start(task.priority, options.patience_of(task.queue_name)),
    }


def _has_more(task: Task[..., Any]) -> bool:
    return isinstance(task, TandemTask) and (task.expires, task.unique, task.limit) != (None, None, None)


def _stored(arguments: str, options: Options) -> str:
    keys = options.encryption
    return keys.seal(arguments) if keys is not None and keys.is_on else arguments


def _more(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """What only Tandem's own tasks have. Raises InvalidJob where a key cannot be made."""
    expires = unique = limited = None
    if isinstance(task, TandemTask):
        expires, unique, limited = task.expires, task.unique, task.limit
    key = unique_key(unique, task, args, kwargs) if isinstance(unique, Unique) else None
    shared = limit_key(limited, task, args, kwargs) if isinstance(limited, Limit) else None
    if options.encryption is not None and options.encryption.is_on:
        key, shared = key and digest(key), shared and digest(shared)
    return {
        "expires": expires,
        "unique_key": key,
        "limit_key": shared,
        "limit_most": limited.most if isinstance(limited, Limit) else None,
    }


def _enqueue_with_more(database: str, job: Mapping[str, Any], task: Task[..., Any]) -> Enqueued:
    second = task.unique.second if isinstance(task, TandemTask) and isinstance(task.unique, Unique) else None
    how = _ENQUEUE_OR_REPLACE if second == "replace" else _ENQUEUE_AS
    while not (row := prepared.execute(database, how, job)):
        if first := prepared.execute(database, _FIRST, {"unique_key": job["unique_key"]}):
            if second == "error":
                raise AlreadyEnqueued(f"{job['task']}: job {first[0]} has the same unique key, and has not finished")
            return Enqueued(first[0], None)
    if job["limit_key"] is not None:
        limits.admit_on_commit(database, [job["limit_key"]])
    return Enqueued(row[0], from_epoch(row[1]))


def _enqueue_on_commit(database: str, job: Mapping[str, Any]) -> Enqueued:
    if job["unique_key"] is not None:
        raise InvalidJob(
            f"{job['task']}: it is unique, and a transaction on {DEFAULT_DB_ALIAS!r} is open while the queue is on "
            f"{database!r}; enqueue it in transaction.on_commit, when it can be told whether another is there"
        )
    (job_id,), now = stream.reserve(database, 1)

    def write() -> None:
        prepared.execute(database, _ENQUEUE_AS, {**job, "id": job_id})
        if job["limit_key"] is not None:
            limits.admit_on_commit(database, [job["limit_key"]])

    transaction.on_commit(write, using=DEFAULT_DB_ALIAS)
    return Enqueued(job_id, for_django(now))


def once_written(database: str, tell: Callable[[], object]) -> None:
    """Call `tell` when the job that was just enqueued is in the table: now, when the caller's transaction on another
    database commits, or when the block of together() has ended."""
    if _waits_for_another_database(database):
        transaction.on_commit(tell, using=DEFAULT_DB_ALIAS)
    elif (block := open_block(database)) is not None:
        block.tells.append(tell)
    else:
        tell()


def enqueue_many(task: Task[..., Any], arguments: Iterable[Arguments], options: Options) -> list[int]:
    """Write one job of `task` for each `(args, kwargs)`, as a stream, and return their ids in order.

    All or none: one transaction, or a savepoint of the caller's where one is open, so that a caller who catches the
    error goes on. Raises InvalidJob, which names the argument.
    """
    path, pairs = task.module_path, iter(arguments)
    if isinstance(task, TandemTask) and task.unique is not None:
        raise InvalidJob(f"{path}: it is unique; expected one job at a time: task.enqueue")
    if _waits_for_another_database(options.database):
        raise InvalidJob(
            f"{path}: enqueue_many inside a transaction on {DEFAULT_DB_ALIAS!r} cannot join it, "
            f"because the queue is on {options.database!r}; call it in transaction.on_commit"
        )
    if not spans.are_on():
        return _enqueue_many(task, pairs, options)
    with spans.Publishing(path, task.queue_name) as span:
        ids = _enqueue_many(task, pairs, options, span.trace)
        span.told_many(len(ids))
    return ids


def _enqueue_many(
    task: Task[..., Any], pairs: Iterator[Arguments], options: Options, trace: str | None = None
) -> list[int]:
    ids: list[int] = []
    with transaction.atomic(using=options.database):
        while batch := list(islice(pairs, COPY_BATCH)):
            ids += _copy(task, batch, options, trace)
    return ids


def _copy(task: Task[..., Any], pairs: Sequence[Arguments], options: Options, trace: str | None) -> list[int]:
    path, database = task.module_path, options.database
    keys = [_more(task, *pair, options)["limit_key"] for pair in pairs] if _has_more(task) else []
    ids, now = stream.reserve(database, len(pairs))
    run_after = aware(path, task.run_after, lambda: now)
    later = run_after if run_after is not None and run_after > now else None
    due = later or now - head_start(task.priority, options.patience_of(task.queue_name))
    expires_at, most = None, None
    if isinstance(task, TandemTask):
        expires_at = now + task.expires if task.expires else None
        most = task.limit.most if isinstance(task.limit, Limit) else None
    state = State.SCHEDULED if later else State.READY if most is None else State.LIMITED
    before = text(task.queue_name) + text(path)
    after = b"".join(
        [text(task.backend), smallint(task.priority), smallint(state), *map(time, (due, now, run_after, expires_at))]
    )
    end = smallint(most) + text(trace)
    ends = [after + text(key) + end for key in keys] if most else [after + text(None) + end] * len(ids)

    def write(texts: Iterable[str], begin: int = 0) -> int:
        """As many jobs as there are texts, from the one at `begin` on; how many."""
        jobs = zip(ids[begin:], texts, ends[begin:], strict=False)
        return stream.write(database, (row(job) + before + text(_stored(one, options)) + end for job, one, end in jobs))

    # PostgreSQL writes while the next texts are made. Others' code, which may ask the database, has run before.
    written = write(dump_while_plain(pairs, options.max_bytes))
    if written < len(pairs):
        write([dump_arguments(path, *pair, options.max_bytes) for pair in pairs[written:]], written)
    if state is State.READY:
        stream.announce(database, task.queue_name, due, task.priority)
    if most:
        limits.admit_on_commit(database, set(keys))
    return ids


def _waits_for_another_database(database: str) -> bool:
    return database != DEFAULT_DB_ALIAS and connections[DEFAULT_DB_ALIAS].in_atomic_block
