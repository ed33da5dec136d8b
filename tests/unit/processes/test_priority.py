"""What goes behind others, and all that it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_tandem.processes import priority
from django_tandem.processes.command import run

# Waits until it has been lowered; then says what a child of it has.
FAMILY = """
import os, subprocess, sys, time
deadline = time.monotonic() + 60
while os.nice(0) < 5 and time.monotonic() < deadline:
    time.sleep(0.01)
print(subprocess.check_output([sys.executable, "-c", "import os; print(os.nice(0))"], text=True))
"""
WAITS = "import sys; sys.stdin.read()"


@pytest.fixture
def waiting():
    one = subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE, start_new_session=True)
    yield one.pid
    one.stdin.close()
    one.wait()


def test_a_command_is_low_with_all_that_it_starts_when_it_is_told_to_be(tmp_path):
    assert int(run([sys.executable, "-c", FAMILY], cwd=tmp_path, timeout_s=120, low=True).stdout) >= priority.NICE
    said = run([sys.executable, "-c", "import os; print(os.nice(0))"], cwd=tmp_path, timeout_s=60).stdout
    assert int(said) == os.nice(0)


def test_the_whole_session_is_low_where_linux_shares_by_session(waiting):
    session = Path(f"/proc/{waiting}/autogroup")
    if not session.exists():
        pytest.skip("this system does not share by session")
    priority.lower(waiting)
    assert session.read_text().split()[-1] == str(priority.NICE)


def test_what_is_lower_stays_so_and_who_is_gone_is_nobody(waiting):
    os.setpriority(os.PRIO_PROCESS, waiting, 15)
    priority.lower(waiting)
    assert os.getpriority(os.PRIO_PROCESS, waiting) == 15
    priority.lower(2**22 + 1)
