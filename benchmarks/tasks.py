"""The tasks that the benchmarks run."""

import os
import struct
import time

from django_tandem.queue.task import task as tandem_task
from django_tandem.queue.tasks_api import task

STAMPS = os.environ.get("TANDEM_BENCH_STAMPS", "")
_stamp = struct.Struct("=dd")


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
    """Write when it was sent and when it began: both monotonic, both of this machine."""
    began = time.monotonic()
    descriptor = os.open(STAMPS, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, _stamp.pack(sent, began))
    os.close(descriptor)


def read_stamps() -> list[float]:
    """Milliseconds from sent to begun, a stamp each."""
    with open(STAMPS, "rb") as file:  # noqa: PTH123 - read while others append
        data = file.read()
    return [(began - sent) * 1000 for sent, began in _stamp.iter_unpack(data[: len(data) // 16 * 16])]
