"""The README's commands, done in a small old project; and its two commands for a newcomer."""

import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from tests import office as offices
from tests.docs.pages import Reader, blocks
from tests.waiting import until


def newcomer_commands():
    return [line for block in blocks("README.md") if "newcomer" in block.words for line in block.text.splitlines()]


def test_a_project_is_adopted_as_the_readme_says(tmp_path):
    shutil.copytree(offices.PROJECT / "office", tmp_path / "office")
    ports = {"127.0.0.1:8000": f"127.0.0.1:{offices.free_port()}", "127.0.0.1:8001": f"127.0.0.1:{offices.free_port()}"}
    reader = Reader(tmp_path, ports)
    reader.variables["TANDEM_DATABASE_URL"] = offices.make_database(f"readme_{os.getpid()}")
    try:
        for block in blocks("README.md"):
            if "newcomer" not in block.words:
                reader.follow(block)
        assert "no errors" in reader.seen
        assert reader.terminal.interrupt() == 0
    finally:
        reader.close()
        offices.drop_database(f"readme_{os.getpid()}")


def test_the_newcomers_commands_are_targets_of_the_makefile():
    assert newcomer_commands() == ["make demo", "make test"]
    for command in newcomer_commands():
        done = subprocess.run([*command.split(), "--dry-run"], cwd=offices.ROOT, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_demo_ends_when_told_with_nothing_left_running():
    if any(connection.laddr.port in (8000, 8001, 8009) for connection in psutil.net_connections("tcp4")):
        pytest.skip("somebody uses the demo's ports")
    demo = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.demo"],
        cwd=offices.ROOT,
        env={**os.environ, "TANDEM_DEMO_SECONDS": "12"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    family = set()

    def has_ended():
        if demo.poll() is None:
            family.update(psutil.Process(demo.pid).children(recursive=True))
        return demo.poll() is not None

    try:
        until(has_ended, 60)
        assert demo.returncode == 0
        assert demo.stdout.read().splitlines()[-1] == "stopped"
        until(lambda: not any(one.is_running() for one in family))
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()
        demo.stdout.close()
