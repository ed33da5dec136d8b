"""A command and all that it started end together: when it ends, when its time is up, when we are interrupted."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from django_tandem.processes.command import last_lines, run
from tests.waiting import until

# Starts a sleeper in its group and one that has left it, says their ids, and does what it is told to.
FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
ids = [subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid]
print(*ids, flush=True)
time.sleep(float(sys.argv[1]))
"""


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_gives_back_what_was_said_and_how_it_ended(tmp_path):
    code = "import os, sys; print(sys.stdin.read()[::-1]); print(os.getcwd(), file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", code], cwd=tmp_path, timeout_s=60, given="abc")
    assert (done.code, done.ok, done.stdout, done.stderr) == (3, False, "cba\n", f"{tmp_path}\n")
    assert done.ended() == "ended with exit code 3"


def test_a_log_keeps_the_words_and_all_that_was_said_in_its_order(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    code = "import sys; print('out', flush=True); print('\\nerr', file=sys.stderr)"
    assert run([sys.executable, "-c", code], cwd=tmp_path, timeout_s=60, log=log).ok
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[1].startswith(f"$ {sys.executable} -c ")
    assert last_lines(log, 2) == ("out", "err")


def test_when_its_time_is_up_all_that_it_started_is_killed_also_what_left_its_group(tmp_path):
    log = tmp_path / "log"
    done = run([sys.executable, "-c", FAMILY, "600"], cwd=tmp_path, timeout_s=3, log=log)
    assert done.code is None
    assert done.ended().startswith("was stopped after ")
    for pid in map(int, last_lines(log, 1)[0].split()):
        until(lambda pid=pid: gone(pid))


def test_what_is_left_of_its_group_when_it_ends_is_killed(tmp_path):
    done = run([sys.executable, "-c", FAMILY, "0"], cwd=tmp_path, timeout_s=60)
    in_the_group, elsewhere = map(int, done.stdout.split())
    until(lambda: gone(in_the_group))
    os.kill(elsewhere, signal.SIGKILL)


def test_an_interrupt_ends_what_it_started_too(tmp_path):
    log = tmp_path / "log"
    code = (
        "import sys, pathlib; from django_tandem.processes.command import run\n"
        f"run([sys.executable, '-c', {FAMILY!r}, '600'], cwd=pathlib.Path('.'), timeout_s=600, log=pathlib.Path('log'))"
    )
    asking = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    found = until(lambda: log.is_file() and last_lines(log, 1)[0].replace(" ", "").isdigit() and last_lines(log, 1))
    asking.send_signal(signal.SIGINT)
    _, said = asking.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    for pid in map(int, found[0].split()):
        until(lambda pid=pid: gone(pid))


def test_no_such_program_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        run(["no-such-program-here"], cwd=tmp_path, timeout_s=1)


def test_much_output_is_no_trouble(tmp_path):
    done = run([sys.executable, "-c", "print('x' * 3_000_000)"], cwd=tmp_path, timeout_s=60)
    assert len(done.stdout) == 3_000_001
