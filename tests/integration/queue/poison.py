"""Tasks that do to their process what tasks should not do."""

import ctypes
import os
import signal
import sys
import tempfile
import threading
import time

from django.db import connections

from django_tandem import task


@task
def fork_and_return():
    """Both parent and child come back from here."""
    return "parent" if os.fork() else "child"


@task
def change_directory():
    os.chdir(tempfile.mkdtemp())
    return "moved"


@task
def leak_a_thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return "leaked"


@task
def print_much():
    return sum(sys.stdout.write("x" * 999 + "\n") for _ in range(200))


@task
def close_what_it_finds():
    connections.close_all()
    return "closed"


@task
def leave():
    sys.exit("enough")


@task
def raise_base_exception():
    raise KeyboardInterrupt


class Unshowable(Exception):
    """Its text cannot be made."""

    def __str__(self):
        raise RuntimeError


@task
def raise_what_cannot_be_shown():
    raise Unshowable


@task
def raise_megabytes():
    raise ValueError("x" * 3_000_000)


@task
def begin_and_wait(began, until):
    """Runs until the file `until` is there."""
    with open(began, "a") as file:  # noqa: PTH123 - one write in append mode is atomic
        file.write("x")
    while not os.path.exists(until):  # noqa: PTH110
        time.sleep(0.005)
    return "ended"


@task
def kill_when_others_run(began, others):
    """While others run beside it, twice; then whatever runs."""
    turn = began + "-turn"
    with open(turn, "a") as file:  # noqa: PTH123
        file.write("x")
    turns = os.path.getsize(turn)  # noqa: PTH202
    while turns <= 2 and (os.path.getsize(began) if os.path.exists(began) else 0) < turns * others:  # noqa: PTH110, PTH202
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def kill_the_process(how):
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "os._exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)
