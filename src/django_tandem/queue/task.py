"""A task with more than Django's: how it is retried, how long an attempt may take, until when it may begin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, overload

from typing_extensions import ParamSpec

from django_tandem.queue.keys import Key, Limit, Unique
from django_tandem.queue.retry import Retry
from django_tandem.queue.tasks_api import (
    DEFAULT_TASK_BACKEND_ALIAS,
    DEFAULT_TASK_QUEUE_NAME,
    InvalidTask,
    Task,
)

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_S = 30 * 86_400


@dataclass(frozen=True, kw_only=True)
class TandemTask(Task[P, T]):
    """Django's Task, and what its jobs may do.

    `retry`: see Retry; None means one attempt. `timeout`: seconds that an attempt may take; then it is interrupted.
    `expires`: a time span, from the enqueue on, after which a job is not begun any more. `atomic`: the body and the
    job's completion commit in one transaction on the queue's database, so that what the body does there happens exactly
    once; for functions, not for coroutines. `unique`: see Unique; a key alone stands for Unique(key). `limit`: see
    Limit; a number alone limits the task itself. Raises InvalidTask.

    Another backend than Tandem's takes it for a plain Task, and does none of this.
    """

    retry: Retry | None = None
    timeout: float | None = None
    expires: timedelta | None = None
    atomic: bool = False
    unique: Unique | Key | None = None
    limit: Limit | int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            if self.unique is not None and not isinstance(self.unique, Unique):
                object.__setattr__(self, "unique", Unique(key=self.unique))
            if self.limit is not None and not isinstance(self.limit, Limit):
                object.__setattr__(self, "limit", Limit(most=self.limit))
        except ValueError as error:
            raise InvalidTask(f"{self.module_path}: {error}") from None
        for problem in self._problems():
            raise InvalidTask(f"{self.module_path}: {problem}")

    def _problems(self) -> Iterator[str]:
        retry: object = self.retry
        timeout: object = self.timeout
        expires: object = self.expires
        if retry is not None and not isinstance(retry, Retry):
            yield f"retry is {retry!r}; expected Retry(attempts=…)"
        if timeout is not None and not (type(timeout) in (int, float) and 0 < timeout <= LONGEST_S):  # type: ignore[operator]
            yield f"timeout is {timeout!r}; expected seconds above 0 and at most {LONGEST_S}"
        if expires is not None and not (isinstance(expires, timedelta) and expires > timedelta(0)):
            yield f"expires is {expires!r}; expected a timedelta above 0"
        if self.atomic not in (True, False):
            yield f"atomic is {self.atomic!r}; expected True or False"
        if self.atomic and asyncio.iscoroutinefunction(self.func):
            yield "atomic is True, and its function is a coroutine; Django has no transactions for those"

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | None = None,
        backend: str | None = None,
        expires: timedelta | None = None,
    ) -> TandemTask[P, T]:
        """As Django's; `expires` can be changed too. `retry`, `timeout` and `atomic` cannot: they are what the task's
        module says where the job runs, so that a release can mend them for jobs that wait."""
        given: dict[str, Any] = {
            "priority": priority,
            "queue_name": queue_name,
            "run_after": run_after,
            "backend": backend,
            "expires": expires,
        }
        return replace(self, **{name: value for name, value in given.items() if value is not None})


@overload
def task(function: Callable[P, T]) -> TandemTask[P, T]: ...
@overload
def task(
    *,
    priority: int = ...,
    queue_name: str = ...,
    backend: str = ...,
    takes_context: bool = ...,
    retry: Retry | None = ...,
    timeout: float | None = ...,
    expires: timedelta | None = ...,
    atomic: bool = ...,
    unique: Unique | Key | None = ...,
    limit: Limit | int | None = ...,
) -> Callable[[Callable[..., T]], TandemTask[..., T]]: ...
def task(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Django's decorator, with the options of TandemTask too. Raises InvalidTask."""
    options = {"queue_name": DEFAULT_TASK_QUEUE_NAME, "backend": DEFAULT_TASK_BACKEND_ALIAS, "priority": 0, **options}

    def decorate(function: Callable[..., Any]) -> TandemTask[..., Any]:
        return TandemTask(func=function, **options)

    return decorate if function is None else decorate(function)
