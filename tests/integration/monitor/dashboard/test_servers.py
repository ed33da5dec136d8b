"""The page of servers: what it says of each verdict, and how servers are ended from there."""

import json
import os
import socket
import subprocess
import sys

import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo

from django_tandem.config import boot
from django_tandem.monitor.dashboard import fleet
from tests.integration.monitor.conftest import RELEASE
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("project_folder", "ledgers")

PAGE = "/tandem/servers/"
HERE = socket.gethostname()


@pytest.fixture
def process(server, monkeypatch):
    """Start a process that is taken for a server of this host by its words, and enter it; it and its name."""
    began = []

    def process(role="async", release="old", *words):
        code = "import time\ntime.sleep(600)"
        one = subprocess.Popen(
            [*words, sys.executable, "-c", code, "tandem", "serve", role], env={"TANDEM_RELEASE": release}
        )
        began.append(one)
        return one, server(role, host=HERE, pid=one.pid, release=release)

    where = connections["default"].settings_dict
    url = make_conninfo(
        dbname=where["NAME"], user=where["USER"], password=where["PASSWORD"], host=where["HOST"], port=where["PORT"]
    )
    monkeypatch.setattr(boot, "BEGAN_WITH", {**os.environ, "TANDEM_DATABASE_URL": url})
    yield process
    for one in began:
        one.kill()
        one.wait()


@pytest.fixture
def office_settings(project_folder):
    """Settings of the project, for commands that are started in it."""
    (project_folder / "office").mkdir()
    (project_folder / "office" / "__init__.py").touch()
    (project_folder / "office" / "settings.py").write_text(
        "SECRET_KEY = 'x'\nUSE_TZ = True\nDATABASES = {'default': {}}\n"
        "INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth']\n"
    )


def test_without_servers_it_says_how_to_start_them(ada):
    text = ada.text(PAGE)
    assert "No server runs" in text
    assert "Role <strong>async</strong> has no server of the live release" in text


def test_each_verdict_is_told_with_what_to_do(ada, server):
    server("backoffice", pid=1)
    server("async", pid=2, silent_s=100)
    server("async", pid=3, state="draining")
    server("async", pid=4, release="old")
    server("reports", pid=5)
    text = ada.text(PAGE)
    assert "test is live, and no open run is about old" in text
    assert "<code>on elsewhere: tandem servers stop elsewhere:4</code>" in text
    assert "there is no role reports any more" in text
    assert "<code>on elsewhere: tandem servers stop elsewhere:1 --live</code>" in text
    assert "it is gone; others have its jobs" in text
    assert "Role <strong>async</strong> has no server" in text
    names = [line.split("elsewhere:")[1][0] for line in text.splitlines() if '<th scope="row">' in line]
    assert names == ["4", "5", "2", "3", "1"]
    assert 'action="/tandem/servers/stop' not in text
    assert ada.get(PAGE)["ETag"] == ada.get(PAGE)["ETag"]


def test_a_server_of_another_host_is_ended_there(ada, server):
    name = server("async", release="old")
    for what in ("stop", "drain"):
        outcome, text = ada.told(ada.act(f"{PAGE}{what}/{name}", PAGE))
        assert (outcome, "on elsewhere: tandem servers stop elsewhere:7" in text) == ("refused", True)


@pytest.mark.usefixtures("office_settings")
def test_an_orphan_of_this_host_is_stopped(ada, process, project_folder, audited):
    orphan, name = process()
    text = ada.text(PAGE)
    assert f'action="/tandem/servers/stop/{name}"' in text
    answer = ada.act(f"{PAGE}stop/{name}", PAGE, release="old")
    assert ada.told(answer)[0] == "done"
    log = project_folder / ".tandem" / "log" / "servers.log"
    until(lambda: orphan.poll() is not None or (log.exists() and "tandem:" in log.read_text()), 60)
    assert orphan.poll() is not None, log.read_text()
    until(lambda: "ended" in log.read_text(), 60)
    # What she asked for, and what the command that was started for it came to.
    until(lambda: [one[:3] for one in audited()] == [("ada", "stop server", "done")] * 2, 60)
    assert name not in ada.text(PAGE).partition("<table")[2]


def test_what_is_live_takes_a_tick(ada, process):
    live, name = process(release=RELEASE)
    assert "also what is live" in ada.text(PAGE)
    outcome, text = ada.told(ada.act(f"{PAGE}stop/{name}", PAGE, release=RELEASE))
    assert (outcome, "tick “also what is live”" in text) == ("refused", True)
    assert live.poll() is None


def test_another_than_was_shown_is_left_alone(ada, process):
    one, name = process(release="newer")
    outcome, text = ada.told(ada.act(f"{PAGE}stop/{name}", PAGE, release="old"))
    assert (outcome, "look at the page again" in text) == ("refused", True)
    assert ada.told(ada.act(f"{PAGE}stop/{HERE}:1", PAGE))[0] == "failed"
    assert one.poll() is None


def test_of_a_project_that_is_elsewhere_the_command_is_offered(ada, process, monkeypatch):
    one, name = process()
    said = {"host": "elsewhere", "config": "/x", "python": "", "added": []}
    monkeypatch.setenv("TANDEM_DRIVER", json.dumps(said))
    assert f"<code>tandem servers stop {name}</code>" in ada.text(PAGE)
    outcome, text = ada.told(ada.act(f"{PAGE}stop/{name}", PAGE))
    assert (outcome, f"s folder, tandem servers stop {name}" in text) == ("refused", True)
    assert one.poll() is None


def test_prove(ada, server):
    server("backoffice")
    assert ada.told(ada.act(f"{PAGE}prove", PAGE)) == ("done", "prove servers nothing lives but test")
    server("async", release="old")
    outcome, text = ada.told(ada.act(f"{PAGE}prove", PAGE))
    assert (outcome, "async of old (elsewhere:7) lives" in text) == ("failed", True)


def test_who_may_not_act_is_offered_nothing(person, process):
    process()
    assert "<button" not in person("see").text(PAGE)


class TestLook:
    def test_many_pages_share_one(self, ada, server, monkeypatch):
        looks = []
        monkeypatch.setattr(fleet, "NEW_S", 60)
        monkeypatch.setattr(fleet, "now", lambda now=fleet.now: looks.append(1) or now())
        fleet.forget()
        assert {len(fleet.newest().servers) for _ in range(5)} == {0}
        server("async")
        assert len(fleet.newest().servers) == 0
        assert len(looks) == 1
        fleet.forget()
        assert len(fleet.newest().servers) == 1

    def test_one_that_takes_long_does_not_make_a_page_wait(self, database, monkeypatch):
        first = fleet.newest()
        monkeypatch.setattr(fleet, "WAIT_S", 0)
        monkeypatch.setattr(fleet, "now", lambda: until(lambda: False, 1))
        assert fleet.newest() is first

    def test_one_that_fails_is_told_where_there_is_no_other(self, database, monkeypatch):
        def fails():
            raise OSError("no processes")

        monkeypatch.setattr(fleet, "now", fails)
        fleet.forget()
        with pytest.raises(OSError, match="no processes"):
            fleet.newest()
