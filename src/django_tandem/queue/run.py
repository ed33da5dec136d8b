"""Run: call the task's function and say what came of it. Whatever the function does, there is an outcome."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from traceback import format_exception
from typing import Any, NamedTuple

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import connections

from django_tandem.errors import Cancelled, Expired, InvalidResult, TimedOut
from django_tandem.queue import at_rest, atomic, events, opened, results, spans
from django_tandem.queue.arguments import dump_return, load_arguments
from django_tandem.queue.claim import Owner
from django_tandem.queue.hearing import is_heard
from django_tandem.queue.interrupt import Interrupts
from django_tandem.queue.job import Job, Outcome
from django_tandem.queue.options import queue_options
from django_tandem.queue.retry import Retry
from django_tandem.queue.states import State
from django_tandem.queue.task import TandemTask
from django_tandem.queue.tasks_api import Task, TaskContext, TaskResult, task_finished, task_started
from django_tandem.queue.times import for_django

# Of the text of an error, in characters: so much of its beginning, and so much of its end.
ERROR_KEPT = 32 * 1024


class Known(NamedTuple):
    """What running a task needs, looked up once a process. A plain Task has neither timeout nor retry. `max_bytes` is
    what its return value may be."""

    task: Task[..., Any]
    is_coroutine: bool
    timeout: float | None
    retry: Retry | None
    atomic: bool
    max_bytes: int

    def dump(self, returned: Any) -> str | None:
        """What the task returned, as it is kept. Raises InvalidResult."""
        return dump_return(self.task.module_path, returned, self.max_bytes)


@cache
def known(path: str) -> Known:
    """The task at `path`. Raises ImportError when this release does not have it."""
    task = results.find_task(path)
    is_coroutine, most = asyncio.iscoroutinefunction(task.func), queue_options().max_bytes
    if isinstance(task, TandemTask):
        return Known(task, is_coroutine, task.timeout, task.retry, task.atomic, most)
    return Known(task, is_coroutine, None, None, atomic=False, max_bytes=most)


def run(job: Job, owner: Owner, interrupts: Interrupts) -> Outcome:
    """Run `job` in this thread, with Django's connections closed when broken or old, as in a request."""
    if not spans.are_on():
        return _run(job, owner, interrupts)
    with spans.Processing(job, f"{owner.server}-{owner.worker}") as span:
        outcome = _run(job, owner, interrupts)
        span.told(outcome)
    return outcome


def _run(job: Job, owner: Owner, interrupts: Interrupts) -> Outcome:
    opened.close_old()
    telling = _Telling(job, owner)
    began = time.monotonic()
    try:
        _refuse_expired(job)
        telling.started()
        args, kwargs = telling.arguments()
        task, is_coroutine, timeout, _, is_atomic, _ = telling.known
        call = partial(_acall if is_coroutine else _call, task.func, args, kwargs, owner.worker)
        if is_atomic:
            outcome = interrupts.call(job, timeout, lambda: atomic.run(job, owner, began, call, telling.known.dump))
        else:
            # A coroutine function for which no coroutine slot was free.
            within = async_to_sync(interrupts.acall) if is_coroutine else interrupts.call
            returned = within(job, timeout, call)
            outcome = Outcome(job, State.SUCCESSFUL, began, time.monotonic(), telling.known.dump(returned), job.history)
        telling.finished_anyhow(outcome) if is_atomic else telling.finished(outcome)
    except atomic.LeaseLost:
        outcome = Outcome(job, State.FAILED, began, time.monotonic(), None, job.history, is_settled=True)
        events.lease_lost(outcome)
    except BaseException as error:  # noqa: BLE001 - a task may raise anything, SystemExit too; the job tells, the worker lives
        outcome = failed(job, owner, began, error)
        telling.finished_anyhow(outcome)
        if isinstance(error, (TimedOut, Cancelled)):
            opened.close_all()  # whatever was on its way to end a query must not meet the next job's
    opened.close_old()
    return outcome


async def arun(job: Job, owner: Owner, interrupts: Interrupts) -> Outcome:
    """Run `job`, a coroutine function, in this event loop. What it calls through sync_to_async has a thread of its own,
    so that its database connections are not another job's."""
    if not spans.are_on():
        return await _arun(job, owner, interrupts)
    with spans.Processing(job, f"{owner.server}-{owner.worker}") as span:
        outcome = await _arun(job, owner, interrupts)
        span.told(outcome)
    return outcome


async def _arun(job: Job, owner: Owner, interrupts: Interrupts) -> Outcome:
    telling = _Telling(job, owner)
    began = time.monotonic()
    async with ThreadSensitiveContext() as context:
        try:
            _refuse_expired(job)
            telling.started()
            args, kwargs = telling.arguments()
            call = partial(_acall, telling.known.task.func, args, kwargs, owner.worker)
            returned = await interrupts.acall(job, telling.known.timeout, call)
            outcome = Outcome(job, State.SUCCESSFUL, began, time.monotonic(), telling.known.dump(returned), job.history)
            telling.finished(outcome)
        except BaseException as error:  # noqa: BLE001 - as in run
            outcome = failed(job, owner, began, error)
            telling.finished_anyhow(outcome)
        if context in SyncToAsync.context_to_thread_executor:
            await sync_to_async(connections.close_all)()
    return outcome


def cut_off(job: Job, owner: Owner, began: float, error: BaseException) -> Outcome:
    """The outcome of a job that is over here though its function has not returned: it was interrupted and does not end,
    or it was cancelled before it began."""
    outcome = failed(job, owner, began, error)
    _Telling(job, owner).finished_anyhow(outcome)
    return outcome


def _refuse_expired(job: Job) -> None:
    """By the database's clock, which wrote both times."""
    if job.expires_at is not None and job.expires_at <= job.claimed_at:
        raise Expired(f"it was to begin before {job.expires_at:%Y-%m-%d %H:%M:%S} UTC")


def failed(job: Job, owner: Owner, began: float, error: BaseException, *, final: bool = False) -> Outcome:
    """The outcome of a job that raised: its history is that of the job with this attempt added. It begins again where
    its task's Retry says so, unless it is `final`."""
    ended = time.monotonic()
    past = json.loads(job.history) if job.history else []
    past.append(
        {
            "worker": f"{owner.server}-{owner.worker}",
            "began": job.claimed_at.isoformat(),
            "ended": (job.claimed_at + timedelta(seconds=ended - began)).isoformat(),
            **spans.of_failure(job, error),
            "error": {
                "class": f"{type(error).__module__}.{type(error).__qualname__}",
                "text": at_rest.sealed(_shortened("".join(format_exception(error)))),
            },
        }
    )
    wait_s = None if final or isinstance(error, (Expired, Cancelled, InvalidResult)) else _wait_s(job, error)
    state = State.FAILED if wait_s is None else State.SCHEDULED
    return Outcome(job, state, began, ended, None, json.dumps(past), wait_s)


def _shortened(text: str) -> str:
    """An error may carry megabytes; what it begins with and what it ends with tell enough."""
    if len(text) <= 2 * ERROR_KEPT:
        return text
    return f"{text[:ERROR_KEPT]}\n… {len(text) - 2 * ERROR_KEPT} characters …\n{text[-ERROR_KEPT:]}"


def _call(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], process: int) -> Any:
    try:
        return function(*args, **kwargs)
    finally:
        # A task forked, and its child came back from the task: it must not go on as a second worker that has the
        # first's connections.
        if os.getpid() != process:
            os._exit(0)


async def _acall(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], process: int) -> Any:
    try:
        return await function(*args, **kwargs)
    finally:
        if os.getpid() != process:  # as above
            os._exit(0)


def _wait_s(job: Job, error: BaseException) -> float | None:
    """How long the job is to wait before it begins again; None: it does not."""
    retry = known(job.task).retry
    if retry is None:
        return None
    try:
        return retry.wait_s(error, job.attempt - job.forgiven, random.random())  # noqa: S311 - spreads load, keeps no secret
    except Exception as broken:  # noqa: BLE001 - the project's own backoff function
        events.backoff_broken(job, broken)
        return None


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

    def finished_anyhow(self, outcome: Outcome) -> None:
        """As finished; that it cannot be told is not the end of the thread that ran the job. Of a job that is to begin
        again the operator hears, and nobody else: it has not finished."""
        if outcome.wait_s is not None:
            events.retried(outcome)
            return
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
