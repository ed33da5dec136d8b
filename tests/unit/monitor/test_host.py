"""The machine, and a server's processes on it."""

import os
import subprocess
import sys

import psutil
import pytest

from django_tandem.monitor.host import Host, Processes
from tests.waiting import until


def test_the_machine_is_as_the_system_says(tmp_path):
    facts = Host(tmp_path).look()
    assert len(facts["load"]) == 3
    assert (facts["cores"], facts["memory"]["total"]) == (psutil.cpu_count(), psutil.virtual_memory().total)
    assert 0 <= facts["cpu"] <= 1
    assert 0 < facts["disk"]["free"] <= facts["disk"]["total"] == psutil.disk_usage(str(tmp_path)).total


@pytest.mark.parametrize("linux", [True, False])
def test_descendants_count_with_their_memory_and_what_they_use(linux):
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {'while True: pass'!r}])"
    first = subprocess.Popen([sys.executable, "-c", nested])
    try:
        until(lambda: psutil.Process(first.pid).children())
        processes = Processes(first.pid)
        processes._linux = processes._linux and linux
        assert processes.look()["cpu"] == 0
        facts = until(lambda: (found := processes.look())["cpu"] > 0 and found)
        assert facts["processes"] == 2
        assert facts["rss"] > 10_000_000
    finally:
        for child in psutil.Process(first.pid).children():
            child.kill()
        first.kill()
        first.wait()
    until(lambda: processes.look() == {"processes": 0, "rss": 0, "cpu": 0.0})


def test_a_process_that_is_not_there_is_none():
    assert Processes(2**22 + os.getpid()).look()["processes"] == 0
