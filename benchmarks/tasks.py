"""The tasks that the benchmarks run."""

import os
import time

from benchmarks import stamps
from django_tandem.queue.task import task as tandem_task
from django_tandem.queue.tasks_api import task


@task
def nothing():
    pass


@tandem_task(limit=1)
def limited(number):
    return number


@task
def pause(seconds):
    time.sleep(seconds)


@task
def stamp(sent):
    stamps.write(sent)


@task
def wait_to_be_killed():
    """Stamp the process. Who begins it again ends it."""
    stamps.write(os.getpid())
    if len(stamps.pairs()) == 1:
        time.sleep(3600)
