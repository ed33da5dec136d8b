"""Tandem's backend of Django's Tasks API: BACKEND = "django_tandem.queue.backend.TandemBackend"."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.core import checks
from django.db import connections

from django_tandem.errors import ConfigurationError
from django_tandem.queue import enqueue, results
from django_tandem.queue.arguments import Arguments, dump_arguments, too_deep
from django_tandem.queue.hearing import is_heard
from django_tandem.queue.options import parse, queue_options
from django_tandem.queue.states import PUBLIC_STATUS, State
from django_tandem.queue.tasks_api import (
    BaseTaskBackend,
    Task,
    TaskResult,
    TaskResultDoesNotExist,
    task_enqueued,
)
from django_tandem.queue.together import open_block


class TandemBackend(BaseTaskBackend):
    """Jobs in PostgreSQL. OPTIONS: see docs/reference/queue.md."""

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.settings = parse(alias, self.options)

    def validate_task(self, task: Task[..., Any]) -> None:
        """Raise InvalidTask for a task that this backend cannot take. `run_after` may be a time span, which Django
        documents and its own validation does not know."""
        run_after: object = task.run_after
        if isinstance(run_after, timedelta):
            task = replace(task, run_after=None)
        super().validate_task(task)

    def enqueue(self, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskResult[Any]:
        """Enqueue one job; it joins the transaction that is open on the queue's database.

        Of a task whose second job of a key is dropped, it may be the result of the first: its `enqueued_at` tells.
        Raises InvalidTask for a task that this backend cannot take, InvalidJob for arguments that it cannot,
        AlreadyEnqueued where the second job of a key is an error.
        """
        self.validate_task(task)
        result = self._result_to_be(task, args, kwargs)
        job = enqueue.enqueue(task, args, kwargs, self.settings)
        if job.at is None:
            return self.get_result(str(job.id))  # that of the first, which is the only one of its key
        object.__setattr__(result, "id", str(job.id))
        object.__setattr__(result, "enqueued_at", job.at)
        if is_heard(task_enqueued, logging.DEBUG):
            enqueue.once_written(self.settings.database, partial(task_enqueued.send, type(self), task_result=result))
        return result

    def _result_to_be(self, task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskResult[Any]:
        """Made before the job is written: a result that cannot be made leaves no job behind."""
        try:
            return TaskResult(
                task=task,
                id="",
                status=PUBLIC_STATUS[State.READY],
                enqueued_at=None,
                started_at=None,
                last_attempted_at=None,
                finished_at=None,
                args=list(args),
                kwargs=dict(kwargs),
                backend=self.alias,
                errors=[],
                worker_ids=[],
            )
        except (TypeError, ValueError, RecursionError):
            dump_arguments(task.module_path, args, kwargs, self.settings.max_bytes)  # tells what is wrong, by its path
            raise too_deep(task.module_path) from None

    def enqueue_many(self, task: Task[..., Any], arguments: Iterable[Arguments]) -> list[str]:
        """Enqueue one job of `task` for each `(args, kwargs)`: all or none, as one stream. Returns the results' ids.

        `task_enqueued` is sent for each, when anybody listens. Raises as enqueue does.
        """
        self.validate_task(task)
        ids = [str(job) for job in enqueue.enqueue_many(task, arguments, self.settings)]
        if is_heard(task_enqueued, logging.DEBUG):
            for job in ids:
                task_enqueued.send(type(self), task_result=self.get_result(job))
        return ids

    async def aenqueue_many(self, task: Task[..., Any], arguments: Iterable[Arguments]) -> list[str]:
        """See enqueue_many()."""
        return await sync_to_async(self.enqueue_many, thread_sensitive=True)(task, arguments)

    def get_result(self, result_id: str) -> TaskResult[Any]:
        """The result with this id. Raises TaskResultDoesNotExist, also for what cannot be an id, and for a job whose
        task cannot be imported here."""
        job = _as_id(result_id)
        if (block := open_block(self.settings.database)) is not None:
            block.write()
        row = None if job is None else results.read(self.settings.database, job)
        if row is None or row.backend != self.alias:
            raise TaskResultDoesNotExist(result_id)
        try:
            return results.as_task_result(row, self.alias)
        except ImportError as error:
            raise TaskResultDoesNotExist(f"{result_id}: {error}") from error

    def check(self, **kwargs: Any) -> Iterable[checks.CheckMessage]:
        """Django's system check of this backend: its database is a PostgreSQL that is configured, its keys are keys."""
        yield from self._check_keys()
        alias = self.settings.database
        if alias not in connections:
            yield checks.Error(
                f"TASKS[{self.alias!r}]: there is no DATABASES[{alias!r}].",
                hint="OPTIONS['database'] names the alias of the database that carries the queue.",
                id="tandem.E101",
            )
        elif connections[alias].vendor not in (
            "postgresql",
            "unknown",
        ):  # unknown: none is configured, which E006 tells
            yield checks.Error(
                f"TASKS[{self.alias!r}]: DATABASES[{alias!r}] is {connections[alias].vendor}; expected PostgreSQL.",
                hint="OPTIONS['database'] may name another alias than the project's own.",
                id="tandem.E102",
            )

    def _check_keys(self) -> Iterable[checks.CheckMessage]:
        try:
            _ = self.settings.encryption
        except ConfigurationError as error:
            for problem in error.problems:
                yield checks.Error(
                    problem, hint="How to make a key, and what to install: docs/howto/encrypt.md.", id="tandem.E103"
                )
        first = queue_options()
        if self.settings.database == first.database and (self.settings.encrypt_keys, self.settings.decrypt_keys) != (
            first.encrypt_keys,
            first.decrypt_keys,
        ):
            yield checks.Error(
                f"TASKS[{self.alias!r}] and TASKS[{first.alias!r}] have different keys for one queue.",
                hint="Give both the same encrypt_keys and decrypt_keys: workers use those of the first.",
                id="tandem.E104",
            )


def _as_id(result_id: str) -> int | None:
    """The number in `result_id`, or None where it is not a job's."""
    text = str(result_id)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)
