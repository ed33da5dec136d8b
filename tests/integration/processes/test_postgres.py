"""The embedded PostgreSQL ends with the last process that uses it, however the others ended."""

import signal
import subprocess
import sys

import psutil
import pytest

from tests.waiting import until

# Uses the server until it is told how to end.
USES = """
import os, sys
from pathlib import Path
from django_tandem.processes.postgres import leave_embedded, start_embedded
start_embedded(Path(sys.argv[1]))
print("up", flush=True)
if sys.stdin.readline().strip() == "at once":
    leave_embedded()
    os._exit(0)
"""


@pytest.fixture
def folder(tmp_path):
    """Where its data are; it is ended if a test left it."""
    yield tmp_path / "postgres"
    for one in servers(tmp_path / "postgres"):
        one.send_signal(signal.SIGINT)


def servers(folder):
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if str(folder) in (one.info["cmdline"] or []) and "postgres" in one.info["cmdline"][0]
    ]


def uses(folder):
    one = subprocess.Popen(
        [sys.executable, "-c", USES, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert one.stdout.readline() == "up\n"
    return one


def end(process, how):
    process.communicate(how)
    assert process.returncode == 0


def test_it_ends_with_the_last_that_uses_it_also_where_others_were_killed_or_left_at_once(folder):
    killed, at_once, last = uses(folder), uses(folder), uses(folder)
    killed.kill()
    killed.communicate()
    end(at_once, "at once\n")
    assert len(servers(folder)) == 1
    end(last, "\n")
    until(lambda: not servers(folder))
    end(uses(folder), "at once\n")
    until(lambda: not servers(folder))
