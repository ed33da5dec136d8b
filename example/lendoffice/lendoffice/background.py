"""Background tasks, as the office has always done them: in threads of the web process.

Everything here is Django's own. `task` comes from where this Django has it.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import django
from django.db import connection, transaction

if django.VERSION >= (6, 0):
    from django.tasks import task
    from django.tasks.backends.immediate import ImmediateBackend
    from django.tasks.base import TaskResult, TaskResultStatus
else:
    from django_tasks import TaskResult, TaskResultStatus, task
    from django_tasks.backends.immediate import ImmediateBackend

from django.utils.crypto import get_random_string

__all__ = ["ThreadBackend", "task"]

THREADS = 16


class ThreadBackend(ImmediateBackend):
    """Django's immediate backend, moved to threads so that a page need not wait: "just run it in the background"."""

    def __init__(self, alias, params):
        super().__init__(alias, params)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="background")

    def enqueue(self, task, args, kwargs):
        self.validate_task(task)
        result = TaskResult(
            task=task,
            id=get_random_string(32),
            status=TaskResultStatus.READY,
            enqueued_at=None,
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=list(args),
            kwargs=dict(kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        transaction.on_commit(partial(self._threads.submit, self._run, result))
        return result

    def _run(self, result):
        try:
            self._execute_task(result)
        finally:
            connection.close()
