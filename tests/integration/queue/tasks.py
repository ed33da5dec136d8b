"""Tasks that only the queue's tests need, importable by worker processes."""

import asyncio
import os
import time
from pathlib import Path

from django.db import connection, transaction

from django_tandem import task as tandem_task
from django_tandem.queue import interrupt, worker
from django_tandem.queue.tasks_api import task
from tests.jobs import make_group


@task
def echo(*args, **kwargs):
    return [list(args), kwargs]


@task
async def aecho(*args, **kwargs):
    return [list(args), kwargs]


@task(takes_context=True)
async def atold(context, word):
    return [word, context.attempt, context.task_result.id]


@task(priority=7, queue_name="special")
def special():
    return "special"


@task
def unserialisable():
    return object()


class Odd(BaseException):
    """Not an Exception."""


@task
def odd():
    raise Odd("very odd")


@task
def break_the_slots(marker):
    """What no code of ours expects: once, a process that cannot run jobs any more."""
    if not Path(marker).exists():
        Path(marker).touch()
        worker.run = None


@tandem_task(timeout=60)
def break_the_timeouts(marker):
    """Once: a process that does not see to the time of its jobs any more."""
    if not Path(marker).exists():
        Path(marker).touch()
        interrupt.Interrupts._look = None
        while True:
            time.sleep(0.005)


@task
async def aleave():
    raise SystemExit(4)


@task
def database_session():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@task
def wait_for(path, then=None):
    """Say that it began, by a file; end when the file is gone."""
    Path(path).write_text(str(os.getpid()))
    while Path(path).exists():
        time.sleep(0.005)
    return then


@task
def make_group_and_enqueue_another(name, other):
    with transaction.atomic():
        make_group.func(name)
        make_group.enqueue(other)


def inner_span():
    from opentelemetry import trace

    return trace.get_tracer("project").start_as_current_span("inner")


@task
def traced():
    with inner_span():
        pass


@task
async def atraced():
    with inner_span():
        await asyncio.sleep(0)


@tandem_task(atomic=True)
def traced_atomic():
    traced.func()


@task
async def await_for(path):
    """As wait_for."""
    Path(path).write_text(str(os.getpid()))
    while Path(path).exists():
        await asyncio.sleep(0.005)
