"""Tasks that the tests enqueue; importable by worker processes."""

import asyncio
import os
import time

from django.contrib.auth.models import Group

from django_tandem.queue.tasks_api import task


@task
def nothing():
    pass


@task
def add(a, b=0):
    return a + b


@task
def fail(text):
    raise ValueError(text)


@task
def sleep(seconds):
    time.sleep(seconds)


@task
async def asleep(seconds):
    await asyncio.sleep(seconds)
    return "awake"


@task(takes_context=True)
def told(context, word):
    return [word, context.attempt, context.task_result.id]


@task
def make_group(name):
    return Group.objects.create(name=name).pk


@task
async def amake_group(name):
    return (await Group.objects.acreate(name=name)).pk


@task
def append(path, line):
    """Effects that can be counted from outside: one line a run."""
    with open(path, "a") as file:  # noqa: PTH123 - one write in append mode is atomic
        file.write(line + "\n")


@task
def append_slowly(path, line, seconds):
    append.func(path, f"begin {line} {os.getpid()}")
    time.sleep(seconds)
    append.func(path, f"end {line} {os.getpid()}")


@task
def leave():
    raise SystemExit(3)


@task
def kill_worker():
    os.kill(os.getpid(), 9)
