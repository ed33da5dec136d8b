"""Run: call the task's function and say what came of it. Whatever the function does, there is an outcome."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from functools import cache
from traceback import format_exception
from typing import Any, NamedTuple

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import close_old_connections, connections

from django_tandem.queue import events, results
from django_tandem.queue.arguments import dump_return, load_arguments
from django_tandem.queue.claim import Owner
from django_tandem.queue.hearing import is_heard
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import Task, TaskContext, TaskResult, task_finished, task_started
from django_tandem.queue.times import for_django


class Known(NamedTuple):
    """What running a task needs, looked up once a process."""

    task: Task[..., Any]
    is_coroutine: bool


@cache
def known(path: str) -> Known:
    """The task at `path`. Raises ImportError when this release does not have it."""
    task = results.find_task(path)
    return Known(task, asyncio.iscoroutinefunction(task.func))


def run(job: Job, owner: Owner) -> Outcome:
    """Run `job` in this thread, with Django's connections closed when broken or old, as in a request."""
    close_old_connections()
    telling = _Telling(job, owner)
    began = time.monotonic()
    try:
        telling.started()
        args, kwargs = telling.arguments()
        function = telling.known.task.func
        returned = async_to_sync(function)(*args, **kwargs) if telling.known.is_coroutine else function(*args, **kwargs)
        outcome = Outcome(job, State.SUCCESSFUL, began, time.monotonic(), dump_return(returned), job.history)
        telling.finished(outcome)
    except BaseException as error:  # noqa: BLE001 - a task may raise anything, SystemExit too; the job tells, the worker lives
        outcome = failed(job, owner, began, error)
        telling.failed(outcome)
    close_old_connections()
    return outcome


async def arun(job: Job, owner: Owner) -> Outcome:
    """Run `job`, a coroutine function, in this event loop. What it calls through sync_to_async has a thread of its own,
    so that its database connections are not another job's."""
    telling = _Telling(job, owner)
    began = time.monotonic()
    async with ThreadSensitiveContext() as context:
        try:
            telling.started()
            args, kwargs = telling.arguments()
            awaitable: Awaitable[Any] = telling.known.task.func(*args, **kwargs)
            returned = await awaitable
            outcome = Outcome(job, State.SUCCESSFUL, began, time.monotonic(), dump_return(returned), job.history)
            telling.finished(outcome)
        except BaseException as error:  # noqa: BLE001 - as in run
            outcome = failed(job, owner, began, error)
            telling.failed(outcome)
        if context in SyncToAsync.context_to_thread_executor:
            await sync_to_async(connections.close_all)()
    return outcome


def failed(job: Job, owner: Owner, began: float, error: BaseException) -> Outcome:
    """The outcome of a job that raised: its history is that of the job with this attempt added."""
    ended = time.monotonic()
    past = json.loads(job.history) if job.history else []
    past.append(
        {
            "worker": f"{owner.server}-{owner.worker}",
            "began": job.claimed_at.isoformat(),
            "ended": (job.claimed_at + timedelta(seconds=ended - began)).isoformat(),
            "error": {
                "class": f"{type(error).__module__}.{type(error).__qualname__}",
                "text": "".join(format_exception(error)),
            },
        }
    )
    return Outcome(job, State.FAILED, began, ended, None, json.dumps(past))


class _Telling:
    """Tells signals and the task itself about a job, and puts a TaskResult together only where somebody looks at it."""

    def __init__(self, job: Job, owner: Owner) -> None:
        self.job = job
        self.owner = owner
        self.known = known(job.task)
        self._result: TaskResult[Any] | None = None

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        args, kwargs = load_arguments(self.job.arguments)
        if self.known.task.takes_context:
            args.insert(0, TaskContext(task_result=self.result()))
        return args, kwargs

    def started(self) -> None:
        if is_heard(task_started):
            task_started.send_robust(type(self.known.task.get_backend()), task_result=self.result())

    def finished(self, outcome: Outcome) -> None:
        if not is_heard(task_finished, logging.ERROR if outcome.state is State.FAILED else logging.INFO):
            return
        row = self._row(outcome.state, outcome.history, outcome.returned)
        ended_at = self.job.claimed_at + timedelta(seconds=outcome.ended - outcome.began)
        row = row._replace(finished_at=for_django(ended_at))
        result = results.as_task_result(row, self.job.backend)
        if self._result is not None:
            for name in ("status", "finished_at", "errors", "_return_value"):
                object.__setattr__(self._result, name, getattr(result, name))
        task_finished.send_robust(type(self.known.task.get_backend()), task_result=self._result or result)

    def failed(self, outcome: Outcome) -> None:
        """As finished; that it cannot be told is not the end of the thread that ran the job."""
        try:
            self.finished(outcome)
        except Exception as error:  # noqa: BLE001 - the outcome is there, whatever this is
            events.untold(self.job, error)

    def result(self) -> TaskResult[Any]:
        if self._result is None:
            self._result = results.as_task_result(self._row(State.RUNNING, self.job.history, None), self.job.backend)
        return self._result

    def _row(self, state: State, history: str | None, returned: str | None) -> results.Row:
        job = self.job
        return results.Row(
            job.id, job.queue, job.task, job.arguments, job.backend, job.priority, state, job.attempt,
            self.owner.worker, self.owner.server, for_django(job.enqueued_at), for_django(job.run_after),
            for_django(job.started_at or job.claimed_at), for_django(job.claimed_at), None, history, returned,
        )  # fmt: skip


def close_connections() -> None:
    """Close this thread's connections to Django's databases."""
    with suppress(Exception):
        connections.close_all()
