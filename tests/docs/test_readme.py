"""The README's commands, done in a small old project; and its two commands for a newcomer."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from benchmarks.demo_ship import Shipping
from django_tandem.release.hosts import on_host
from tests import office as offices
from tests.docs.pages import LONG_S, Block, Reader, blocks
from tests.waiting import until


def newcomer_commands():
    return [line for block in blocks("README.md") if "newcomer" in block.words for line in block.text.splitlines()]


MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
TESTS = """
from django.test import SimpleTestCase


class OfficeTests(SimpleTestCase):
    def test_the_office_is_open(self):
        self.assertEqual(self.client.get("/").json()["hello"], "office")
"""
COMMIT = """
echo .tandem/ > .gitignore
git init --quiet --initial-branch=main
git add .
git commit --quiet --message begin
"""


def test_a_project_is_adopted_and_shipped_as_the_readme_says(tmp_path):
    shutil.copytree(offices.PROJECT / "office", tmp_path / "office")
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "office" / "tests.py").write_text(TESTS)
    ports = {"127.0.0.1:8000": f"127.0.0.1:{offices.free_port()}", "127.0.0.1:8001": f"127.0.0.1:{offices.free_port()}"}
    reader = Reader(tmp_path, ports)
    reader.variables["TANDEM_DATABASE_URL"] = offices.make_database(f"readme_{os.getpid()}")
    reader.variables["TANDEM_TRIAL_DATABASE_URL"] = offices.SERVER
    try:
        for block in blocks("README.md"):
            if block.text == "tandem ship\n":
                reader.follow(Block("sh", (), COMMIT, block.line))
            if "newcomer" not in block.words:
                reader.follow(block)
        assert "no errors" in reader.seen
        assert "run 1: approved by" in reader.seen
        assert reader.terminal.process.wait(LONG_S) == 0
        reader.terminal.end()
        assert re.search(r"live  release \w+ on both servers", reader.terminal.printed)
    finally:
        reader.close()
        on_host.end(tmp_path / ".tandem")
        offices.drop_database(f"readme_{os.getpid()}")


def test_what_the_readme_has_not_come_to_is_done_in_the_tutorial():
    later = [block.text for block in blocks("README.md") if "later" in block.words]
    assert later == ["tandem rollback\n"]
    assert all(any(text in block.text for block in blocks("docs/tutorial.md") if block.kind == "sh") for text in later)


def test_the_newcomers_commands_are_targets_of_the_makefile():
    assert newcomer_commands() == ["make demo", "make test"]
    for command in newcomer_commands():
        done = subprocess.run([*command.split(), "--dry-run"], cwd=offices.ROOT, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def demo(tmp_path):
    """Start the demo, with a small office in a folder of its own."""
    taken = [one.laddr.port for one in psutil.net_connections("tcp4") if one.status == psutil.CONN_LISTEN]
    if not {8000, 8001, 8009}.isdisjoint(taken):
        pytest.skip("somebody uses the demo's ports")
    started = []

    def start(**variables):
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "GIT_"))}
        # Neither an identity nor a configuration of git: as on a machine that was set up a minute ago.
        alone = {"HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.demo", "--brief", "--folder", str(tmp_path / "demo")],
                cwd=offices.ROOT,
                env={**ours, **alone, "PYTHONUNBUFFERED": "1", **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()
        one.stdout.close()
    on_host.end(tmp_path / "demo" / ".tandem")


def left_of(folder):
    """The processes that name a folder in their words or in their environment."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            said = [*one.cmdline(), *one.environ().values()]
            if one.status() != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in said):
                found.append(one)
    return found


@pytest.mark.long
def test_the_demo_ships_twice_and_ends_when_told_with_nothing_left_running(demo, tmp_path):
    one, said = demo(TANDEM_DEMO_APPROVE="1"), ""
    for line in one.stdout:
        said += line
        if "Ctrl-C stops both." in line:
            break
    assert one.poll() is None, said
    assert len(re.findall(r"^  live  release [0-9a-f]{12} on both servers", said, re.MULTILINE)) == 2, said
    assert int(re.search(r"^(\d[\d,]*) requests meanwhile, 0 failed; both servers", said, re.MULTILINE)[1]) > 20, said
    with urllib.request.urlopen("http://127.0.0.1:8000/-/release") as answer:
        assert json.load(answer)["release"] in said.rpartition("  live  release")[2]
    one.send_signal(signal.SIGTERM)
    assert one.wait(120) == 0
    assert one.stdout.read().splitlines()[-1] == "stopped"
    until(lambda: not left_of(tmp_path / "demo"), 60)


def test_the_demo_ends_in_time_wherever_it_is(demo, tmp_path):
    one = demo(TANDEM_DEMO_SECONDS="12")
    said, _ = one.communicate(timeout=300)
    assert (one.returncode, said.splitlines()[-1]) == (0, "stopped"), said
    until(lambda: not left_of(tmp_path / "demo"), 60)


def test_the_demo_does_not_wait_for_an_approval_where_nobody_is(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TANDEM_DEMO_APPROVE", raising=False)
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with Shipping(Console(), tmp_path / "demo").ended() as shipping:
            assert shipping.first(office=None) is False
    assert "TANDEM_DEMO_APPROVE=1 does" in capsys.readouterr().out
