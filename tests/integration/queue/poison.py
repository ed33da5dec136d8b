"""Tasks that do to their process what tasks should not do."""

import asyncio
import builtins
import ctypes
import faulthandler
import locale
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

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
def tell_surroundings():
    """What tasks of a process share, and that what they print arrives."""
    umask = os.umask(0)
    os.umask(umask)
    print("still heard", flush=True)  # noqa: T201
    return [str(Path.cwd()), umask, locale.setlocale(locale.LC_ALL), [os.fstat(number).st_ino for number in range(3)]]


@task
def change_umask():
    os.umask(0o077)


@task
def change_locale():
    assert locale.setlocale(locale.LC_ALL) != locale.setlocale(locale.LC_ALL, "C")


@task
async def change_directory_in_a_coroutine():
    os.chdir(tempfile.mkdtemp())


@task
def go_where_nothing_is():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)


@task
def close_streams():
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


@task
def close_descriptors():
    for number in range(3):
        os.close(number)


@task
def take_their_places(folder):
    """What is opened next has the numbers of the standard streams."""
    close_descriptors.func()
    for number in range(3):
        assert os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY) == number


@task
def leak_a_thread_that_lasts():
    threading.Thread(target=threading.Event().wait).start()
    return "leaked"


@task
async def fork_in_a_coroutine(path):
    """The child goes on a turn of the loop, in which others are ready."""
    if os.fork() == 0:
        await asyncio.sleep(0)
        Path(path).touch()
        return "child"
    return "parent"


@task
async def fork_and_return_from_a_coroutine():
    return "parent" if os.fork() else "child"


@task
async def take_steps(path, until):
    """Write down the process of each step."""
    while not os.path.exists(until):  # noqa: PTH110
        with open(path, "a") as file:  # noqa: PTH123
            file.write(f"{os.getpid()}\n")
        await asyncio.sleep(0)


@task
def handle_signals():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@task
def generator_exit():
    raise GeneratorExit


@task
def recurse():
    recurse.func()


@task
def ask_for_too_much_memory():
    bytearray(1 << 60)


@task
def raise_a_group():
    raise ExceptionGroup("several", [ValueError("one"), OSError("two")])  # noqa: F821


@task
async def raise_in_a_coroutine(name):
    raise {"CancelledError": asyncio.CancelledError}.get(name) or getattr(builtins, name)


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
    elif how == "stack overflow":
        faulthandler._stack_overflow()
    elif how == "os._exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)
