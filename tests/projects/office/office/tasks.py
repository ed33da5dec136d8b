"""Tasks that leave a trace in a file: one line each."""

import os
import time
from pathlib import Path

import django

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task


@task
def write(path, line):
    with Path(path).open("a") as file:
        file.write(line + "\n")


@task
def write_slowly(path, line, seconds):
    write.func(path, f"begin {line} {os.getpid()}")
    time.sleep(seconds)
    write.func(path, f"end {line} {os.getpid()}")


@task
def write_until(path, line, gate):
    """Ends when the file `gate` is there."""
    write.func(path, f"begin {line} {os.getpid()}")
    while not Path(gate).exists():
        time.sleep(0.01)
    write.func(path, f"end {line} {os.getpid()}")
