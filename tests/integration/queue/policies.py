"""Tasks with options of Tandem's own, importable by worker processes."""

import asyncio
import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction

from django_tandem import Limit, Retry, Unique, lock, task
from tests.jobs import append, make_group


@task(retry=Retry(attempts=3, backoff=0, on=(OSError, KeyError)))
def fail_until(attempt, now, kind="OSError"):
    """Raise until the attempt whose number is in the file `now` is the wanted one."""
    number = int(Path(now).read_text()) + 1 if Path(now).exists() else 1
    Path(now).write_text(str(number))
    if number < attempt:
        raise {"OSError": OSError, "ValueError": ValueError}[kind](f"attempt {number}")
    return number


@task(retry=Retry(attempts=2, backoff=3600, jitter=0))
def fail_and_wait():
    raise OSError("away")


@task(retry=Retry(attempts=2, backoff=3600, jitter=0))
def fail_and_wait_or_not(number):
    return number


@task(retry=Retry(attempts=2, backoff=lambda attempt: 1 / (attempt - attempt)))
def fail_with_a_broken_backoff():
    raise OSError("away")


@task(timeout=0.3)
def count_for(seconds):
    """Runs in Python, where it can be interrupted everywhere."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@task(timeout=0.3, retry=Retry(attempts=2, backoff=0))
def count_and_again(seconds):
    count_for.func(seconds)


@task(timeout=0.3)
def query_for(name, seconds):
    with transaction.atomic():
        make_group.func(name)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [seconds])


@task(timeout=0.3)
def tidy_up(path):
    try:
        count_for.func(60)
    except Exception:  # noqa: BLE001 - what a task may well have
        Path(path).write_text("caught")
    finally:
        Path(path).write_text("tidy")


@task(timeout=0.2)
async def asleep(seconds):
    await asyncio.sleep(seconds)


@task(timeout=0.2)
def ignore(path):
    """Runs until the file is gone, whatever is raised in it."""
    Path(path).touch()
    while Path(path).exists():
        with suppress(BaseException):
            time.sleep(0.01)


@task(timeout=0.2)
async def aignore(path):
    Path(path).touch()
    while Path(path).exists():
        with suppress(BaseException):
            await asyncio.sleep(0.01)


@task(timeout=60)
def in_time(value):
    return value


@task(expires=timedelta(seconds=1))
def soon():
    return "in time"


@task(expires=timedelta(hours=1))
def in_an_hour(number):
    return number


@task(atomic=True)
def make_group_once(name, then=None):
    make_group.func(name)
    if then == "raise":
        raise ValueError(name)
    return object() if then == "unserialisable" else name


@task(retry=Retry(attempts=3, backoff=0, on=Exception))
def return_too_much(path, kind="large"):
    append.func(path, "ran")
    return "x" * 1_048_577 if kind == "large" else {"found": [object()]}


@task(atomic=True, retry=Retry(attempts=3, backoff=0))
def make_group_and_return_too_much(name):
    make_group.func(name)
    return "x" * 1_048_577


@task(atomic=True, retry=Retry(attempts=9, backoff=0))
def make_group_surely(name):
    make_group.func(name)


@task(atomic=True, retry=Retry(attempts=2, backoff=0))
def make_group_slowly(name, path):
    """Says that it has made it, and goes on until the file is gone."""
    make_group.func(name)
    Path(path).write_text(str(os.getpid()))
    while Path(path).exists():
        time.sleep(0.005)


@task(atomic=True)
def raise_after_commit(name):
    make_group.func(name)
    transaction.on_commit(lambda: 1 / 0)


@task(atomic=True, timeout=0.3)
def make_group_for(name, seconds):
    make_group.func(name)
    count_for.func(seconds)


@task(unique="{borrower}")
def score(borrower, note=""):
    return [borrower, note]


@task(unique=Unique(second="error"))
def score_once(borrower, note=""):
    return borrower


@task(unique=Unique(key=lambda borrower, **_: borrower, second="replace"))
def score_last(borrower, note=""):
    return [borrower, note]


@task(unique="{borrower}")
def fail_alone(borrower):
    raise ValueError(borrower)


@task(unique=Unique(key="{borrower}", second="replace"))
def fail_or_be_replaced(borrower, note):
    raise ValueError(note)


@task(unique="{missing}")
def score_badly(borrower):
    return borrower


@task(limit=2)
def ask(number):
    return number


@task(limit=Limit(most=1, key="bureau {which}"))
def ask_one(which, path=None):
    """Runs until the file is gone."""
    if path is not None:
        Path(path).write_text(str(os.getpid()))
        while Path(path).exists():
            time.sleep(0.005)
    return which


@task(limit=Limit(most=1, key="bureau {which}"), retry=Retry(attempts=2, backoff=0))
def ask_and_fail(which):
    raise OSError(which)


@task(limit=1, atomic=True, retry=Retry(attempts=9, backoff=0))
def ask_and_keep(name):
    make_group.func(name)


@task(limit=Limit(most=3))
def count_together(folder, number):
    """Writes how many run beside it."""
    mine = Path(folder) / f"running-{number}"
    mine.touch()
    beside = len(list(Path(folder).glob("running-*")))
    time.sleep(0.01)
    mine.unlink()
    return beside


@task(timeout=1)
def wait_for_lock(name):
    with lock(name) as held:
        return held.name
