"""A job as Django's TaskResult, wherever it is: waiting, running or finished."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import import_string

from django_tandem.errors import KeyNotConfigured
from django_tandem.queue import at_rest
from django_tandem.queue.arguments import load_arguments, load_return
from django_tandem.queue.statements import statement
from django_tandem.queue.states import PUBLIC_STATUS, State
from django_tandem.queue.tasks_api import Task, TaskError, TaskResult
from django_tandem.queue.times import for_django

_ONE = statement("results", "one")
_NEWEST = statement("results", "newest")


class Row(NamedTuple):
    """A row of tandem_job or tandem_result, in the order that `results.one` selects. Times are in UTC."""

    id: int
    queue: str
    task: str
    arguments: str
    backend: str
    priority: int
    state: State
    attempt: int
    worker: int | None
    server: int | None
    enqueued_at: datetime
    run_after: datetime | None
    started_at: datetime | None
    last_attempted_at: datetime | None
    finished_at: datetime | None
    history: str | None
    return_value: str | None

    @property
    def past_attempts(self) -> list[dict[str, Any]]:
        """One object an attempt that ended without finishing the job, or that failed it."""
        return json.loads(self.history) if self.history else []


def read(database: str, job: int) -> Row | None:
    """The row of `job`, or None."""
    with connections[database].cursor() as cursor:
        cursor.execute(_ONE, {"id": job})
        row = cursor.fetchone()
    return None if row is None else Row(*row)._replace(state=State(row[6]))


def newest(
    database: str, count: int, *, state: State | None = None, queue: str | None = None, task: str | None = None
) -> list[Row]:
    """At most `count` jobs, waiting, running or finished, newest first; of the given state, queue and task only."""
    with connections[database].cursor() as cursor:
        cursor.execute(
            _NEWEST, {"count": count, "state": None if state is None else int(state), "queue": queue, "task": task}
        )
        return [Row(*row)._replace(state=State(row[6])) for row in cursor.fetchall()]


def as_task_result(row: Row, alias: str) -> TaskResult[Any]:
    """Django's view of `row`; words stand for what is encrypted with a key that is not configured. Raises ImportError
    when its task cannot be imported here."""
    task = find_task(row.task)
    if (row.priority, row.queue, row.run_after, alias) != (task.priority, task.queue_name, None, task.backend):
        task = _with(task, priority=row.priority, queue_name=row.queue, run_after=row.run_after, backend=alias)
    args, kwargs = arguments_of(row)
    result: TaskResult[Any] = TaskResult(
        task=task,
        id=str(row.id),
        status=PUBLIC_STATUS[row.state],
        enqueued_at=row.enqueued_at,
        started_at=row.started_at,
        last_attempted_at=row.last_attempted_at or _last_began(row),
        finished_at=row.finished_at,
        args=args,
        kwargs=kwargs,
        backend=alias,
        errors=errors_of(row),
        worker_ids=workers_of(row),
    )
    if row.state is State.SUCCESSFUL:
        object.__setattr__(result, "_return_value", return_value_of(row))
    return result


def _last_began(row: Row) -> datetime | None:
    began = [past["began"] for past in row.past_attempts if past["began"]]
    return for_django(parse_datetime(began[-1])) if began else None


def _with(task: Task[..., Any], **changes: Any) -> Task[..., Any]:
    """As task.using, and not validated again: a job that was accepted stays readable, and runs, when the settings by
    which it was accepted have changed."""
    changed = object.__new__(type(task))
    for field in fields(task):
        object.__setattr__(changed, field.name, changes.get(field.name, getattr(task, field.name)))
    return changed


def find_task(path: str) -> Task[..., Any]:
    """The Task at the dotted `path`. Raises ImportError when there is none, or its module raises anything."""
    try:
        task = import_string(path)
    except ImportError:
        raise
    except Exception as error:
        raise ImportError(f"{path}: its module raises {type(error).__name__}: {error}") from error
    if not isinstance(task, Task):
        raise ImportError(f"{path} is of type {type(task).__name__}; expected a Task: decorate the function with @task")
    return task


def arguments_of(row: Row) -> tuple[list[Any], dict[str, Any]]:
    """The positional arguments and those by name; words in their place where they cannot be opened here."""
    try:
        return load_arguments(row.arguments)
    except KeyNotConfigured:
        return [at_rest.UNREADABLE], {}


def return_value_of(row: Row) -> Any:
    """What the task returned; words in its place where that cannot be opened here."""
    try:
        return load_return(row.return_value)
    except KeyNotConfigured:
        return at_rest.UNREADABLE


def errors_of(row: Row) -> list[TaskError]:
    """One error an attempt that raised or was cut off, oldest first."""
    return [
        TaskError(exception_class_path=past["error"]["class"], traceback=at_rest.readable(past["error"]["text"]))
        for past in row.past_attempts
    ]


def workers_of(row: Row) -> list[str]:
    """One worker an attempt, "server-process", oldest first; its length is the number of attempts. What ended a job
    that no worker had begun is an error and no attempt."""
    workers = [past["worker"] for past in row.past_attempts if past["worker"]]
    current = f"{row.server}-{row.worker}"
    if row.server is not None and row.state is not State.FAILED:
        workers.append(current)
    return workers
