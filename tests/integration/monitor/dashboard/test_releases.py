"""The pages of releases and of one run: what they say in each state, and what may be done there."""

import json
import os
import re
import socket
import sys
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from django_tandem.config import boot
from django_tandem.pipeline import approval, ledger, lock
from django_tandem.pipeline.stages import APPROVAL, BUILD, MIGRATE, PREPARE, SOURCE, TRIAL, RunState
from django_tandem.queue import fence
from tests.integration.monitor.conftest import RELEASE
from tests.integration.pipeline.conftest import COMMIT, OTHER
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("project_folder")

PAGE = "/tandem/releases/"
DIGEST = "d" * 64
LIVE = COMMIT[:12]
BEFORE = "beef00000000"
SUMMARY = {
    "since": OTHER,
    "commits": [{"commit": COMMIT, "author": "Grace", "subject": "Charge a <fee>"}],
    "migrations": ["loans.0002_fee"],
    "settings": {
        "backoffice": [{"name": "DEBUG", "how": "changed", "before": True, "after": False}],
        "async": [
            {"name": "DEBUG", "how": "changed", "before": True, "after": False},
            {"name": "API_TOKEN", "how": "changed", "hidden": True},
        ],
    },
    "roles": {"reports": "new"},
    "dependencies": {"django": ["5.1", "5.2"], "rich": [None, "14"]},
    "trial": [
        {"name": "project tests", "passed": True, "seconds": 4.2},
        {"name": "deploy", "passed": False, "text": "no HSTS"},
    ],
}


def page_of(run):
    return f"{PAGE}runs/{run}/"


@pytest.fixture
def asking(ledgers, held, running):
    """The number of a run that waits for approval."""
    approval.ask(ledgers, held, running, DIGEST, SUMMARY, valid_for=timedelta(hours=24))
    return running


@pytest.fixture
def built(ledgers):
    """Enter a release that was built; its digest."""

    def built(name, *, settings=None, ago=timedelta(0)):
        commit, digest = name.ljust(40, "0"), name[0] * 64
        manifest = Jsonb({"settings": settings or {"backoffice": DIGEST, "async": DIGEST}})
        ledgers.execute(
            "INSERT INTO tandem_release (digest, release, commit, manifest, became_live_at, verified_at) "
            "VALUES (%s, left(%s, 12), %s, %s, now() - %s, now())",
            [digest, commit, commit, manifest, ago],
        )
        return digest

    return built


@pytest.fixture
def started(project_folder, monkeypatch):
    """What was started in place of `python -m django_tandem`: its words and its environment, once it has run."""
    program, told = project_folder / "python", project_folder / "told"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nname = {str(told)!r}\n"
        "links = [os.readlink(one.path) for one in os.scandir('/proc/self/fd') if os.path.lexists(one.path)]\n"
        "with open(name + '.new', 'w') as file:\n"
        "    json.dump({'words': sys.argv[1:], 'environment': dict(os.environ), 'at': os.getcwd(),"
        " 'parent': os.getppid(), 'sockets': sum('socket' in one for one in links)}, file)\n"
        "os.rename(name + '.new', name)\n"
    )
    program.chmod(0o755)
    said = {
        "host": socket.gethostname(),
        "config": str(project_folder / "tandem.toml"),
        "python": str(program),
        "added": ["TANDEM_DATABASE_URL"],
    }
    began = {"TANDEM_DRIVER": "x", "TANDEM_ROLE": "backoffice", "TANDEM_RELEASE": "r", "TANDEM_LISTEN_FD": "3"}
    monkeypatch.setenv("TANDEM_DRIVER", json.dumps(said))
    monkeypatch.setattr(boot, "BEGAN_WITH", {**began, "TANDEM_DATABASE_URL": "u", "PGUSER": "shared"})
    monkeypatch.setenv("PGUSER", "of the role")

    def started():
        until(told.exists)
        return json.loads(told.read_text())

    return started


class TestPage:
    def test_without_runs_it_says_how_to_ship(self, ada, ledgers):
        text = ada.text(PAGE)
        assert "Nothing was shipped yet" in text
        assert f"<code>{RELEASE}</code> is live" in text
        assert "deployed by other means" in text

    def test_it_says_what_each_server_has_and_what_differs(self, ada, ledgers, server, built, database):
        built(LIVE, settings={"backoffice": DIGEST, "async": "a" * 64})
        fence.activate(database, LIVE)
        server("backoffice", pid=1, release=LIVE)
        server("async", pid=2, release=LIVE)
        server("async", pid=3, release=LIVE, config_digest="b" * 64)
        server("async", pid=4, release="old", state="standby")
        text = ada.text(PAGE)
        assert "servers of role async have 2 different settings" in text
        assert f"async of old (elsewhere:4) is an orphan: {LIVE} is live, and no open run is about old" in text
        assert text.count("as built</small>") == 1
        assert text.count("not as built") == 2
        assert ada.get(PAGE)["ETag"] == ada.get(PAGE)["ETag"]

    def test_it_has_no_banner_where_all_servers_agree(self, ada, ledgers, server):
        server("backoffice", pid=1)
        server("async", pid=2)
        assert "What differs" not in ada.text(PAGE)

    def test_runs_are_shown_newest_first_and_older_ones_behind_a_link(self, ada, ledgers, begin):
        runs = [begin(f"{number:040x}", policy="queue").run.id for number in range(25)]
        text = ada.text(PAGE)
        assert f'<a href="{page_of(runs[-1])}">{runs[-1]}</a>' in text
        assert f'"{page_of(runs[4])}"' not in text
        assert f'<a href="?before={runs[5]}" rel="next">Older</a>' in text
        older = ada.text(PAGE, before=runs[5])
        assert f'"{page_of(runs[4])}"' in older
        assert "Older</a>" not in older
        assert f'"{page_of(runs[-1])}"' in ada.text(PAGE, before="x' OR 1=1")

    def test_what_waits_for_approval_is_the_first_thing(self, ada, asking):
        assert f'<p class="banner warn"><a href="{page_of(asking)}">Run {asking}</a>' in ada.text(PAGE)


class TestRun:
    def test_the_gate_says_what_changes(self, ada, asking):
        text = ada.text(page_of(asking))
        for told in (
            "since deed00000000", "Charge a &lt;fee&gt;", "loans.0002_fee", "role <strong>reports</strong> is new",
            "<small>all roles</small> <code>DEBUG: true → false</code>", "API_TOKEN changed (hidden)",
            "django 5.1 → 5.2", "rich (new) → 14", "project tests", "<pre>no HSTS</pre>",
        ):  # fmt: skip
            assert told in text
        assert DIGEST in text

    def test_the_timeline_has_stages_and_legs_with_durations(self, ada, ledgers, held, running):
        for step in (SOURCE, BUILD, TRIAL):
            ledger.ended(ledgers, held, ledger.began(ledgers, held, running, step))
        ledger.began(ledgers, held, running, PREPARE)
        leg = ledger.began(ledgers, held, running, PREPARE, leg="async", host="h1")
        ledger.failed(ledgers, held, leg, {"text": "it died <3> times"})
        text = ada.text(page_of(running))
        assert "it died &lt;3&gt; times" in text
        assert "async <small>on h1</small>" in text
        assert text.count('<span class="badge good">ended</span>') == 3
        assert '<span class="badge busy">running</span>' in text
        assert ada.get(page_of(running))["ETag"] == ada.get(page_of(running))["ETag"]

    def test_the_gate_counts_as_long_as_it_waited(self, ada, ledgers, held, asking):
        approval.approve(ledgers, asking, by="grace", via="here")
        ledgers.execute("ALTER TABLE tandem_approval DISABLE TRIGGER USER")
        ledgers.execute("UPDATE tandem_approval SET asked_at = decided_at - interval '3 hours'")
        ledger.ended(ledgers, held, ledger.began(ledgers, held, asking, APPROVAL))
        assert "3 h</td>" in ada.text(page_of(asking))

    @pytest.mark.parametrize("state", [state.value for state in RunState])
    def test_it_is_told_in_every_state(self, ada, ledgers, begin, state):
        run = begin().run.id
        ledgers.execute("UPDATE tandem_run SET state = %s, reason = 'because <so>' WHERE id = %s", [state, run])
        text = ada.text(page_of(run))
        assert f">{state}</span>" in text
        assert "because &lt;so&gt;" in text
        assert state in ada.text(PAGE)

    def test_there_is_no_page_of_a_run_that_is_not_there(self, ada, ledgers):
        assert ada.get(page_of(10**9)).status_code == 404

    def test_one_that_nobody_drives_says_how_to_go_on(self, ada, ledgers, held, running):
        ledgers.execute("UPDATE tandem_lock SET run = %s", [running])
        assert "Nobody drives" not in ada.text(page_of(running))
        lock.release(ledgers, held)
        assert f"tandem pipeline resume {running}" in ada.text(page_of(running))


class TestDecide:
    def test_approve(self, ada, asking, ledgers, audited):
        answer = ada.act(f"{page_of(asking)}approve", page_of(asking), digest=DIGEST)
        assert ada.told(answer)[0] == "done"
        gate = approval.read(ledgers, asking)
        assert (gate.decision, gate.decided_by, gate.via) == ("approved", "ada", "dashboard, from 127.0.0.1")
        assert audited()[0][:3] == ("ada", "approve", "done")
        text = ada.text(page_of(asking))
        assert "Approve</button>" not in text
        assert "approved</span> by ada <small>(dashboard, from 127.0.0.1)</small>" in text

    def test_reject_with_a_reason(self, ada, asking, ledgers):
        ada.told(ada.act(f"{page_of(asking)}reject", page_of(asking), digest=DIGEST, reason="not on a  Friday"))
        gate = approval.read(ledgers, asking)
        assert (gate.decision, gate.reason) == ("rejected", "not on a Friday")

    @pytest.mark.parametrize("what", ["approve", "reject"])
    def test_for_another_digest_than_was_shown_nothing_is_done(self, ada, asking, ledgers, what):
        for digest in ("e" * 64, ""):
            assert ada.told(ada.act(f"{page_of(asking)}{what}", digest=digest))[0] == "refused"
        assert approval.read(ledgers, asking).decision is None

    def test_what_came_meanwhile_is_told_in_a_line_and_nothing_is_done(self, ada, asking, ledgers, begin):
        ledgers.execute("UPDATE tandem_approval SET expires_at = clock_timestamp() WHERE run = %s", [asking])
        assert "Nobody has decided" in ada.text(page_of(asking))
        outcome, text = ada.told(ada.act(f"{page_of(asking)}approve", digest=DIGEST))
        assert outcome == "refused"
        assert re.fullmatch(rf"approve refused: run {asking} has expired at [\d :UTC-]+: ship it again", text)

    def test_a_superseded_approval_can_no_longer_be_given(self, ada, asking, begin):
        newer = begin(OTHER).run.id
        outcome, text = ada.told(ada.act(f"{page_of(asking)}approve", digest=DIGEST))
        assert (outcome, f"superseded by run {newer}" in text) == ("refused", True)

    def test_what_somebody_else_decided_stays(self, ada, asking, ledgers):
        approval.reject(ledgers, asking, by="grace", via="here", reason="no")
        outcome, text = ada.told(ada.act(f"{page_of(asking)}approve", digest=DIGEST))
        assert (outcome, "rejected by grace" in text) == ("refused", True)

    def test_who_may_not_is_offered_nothing(self, person, asking):
        text = person("see", "operate").text(page_of(asking))
        assert "<button" not in text
        assert f"tandem approve {asking}" in text


class TestCancel:
    def test_before_migrations(self, ada, asking, ledgers):
        assert ada.told(ada.act(f"{page_of(asking)}cancel", reason="a typo"))[0] == "done"
        assert ledger.read_run(ledgers, asking).reason == "cancelled by ada: a typo"

    def test_not_after_they_began(self, ada, running, ledgers, held):
        ledger.move(ledgers, held, running, RunState.FORKING)
        ledger.began(ledgers, held, running, MIGRATE)
        assert "Cancel this run" not in ada.text(page_of(running))
        assert ada.told(ada.act(f"{page_of(running)}cancel"))[0] == "refused"
        assert ledger.read_run(ledgers, running).state is RunState.FORKING


class TestRollback:
    def keep(self, folder, digest):
        (folder / ".tandem" / "artifacts" / digest).mkdir(parents=True)
        return f"{PAGE}rollback/{digest}"

    def test_a_run_begins_and_its_driver_is_nobodys_child(self, ada, ledgers, built, project_folder, started, audited):
        built("cafe", ago=timedelta(hours=1))
        address = self.keep(project_folder, built("beef", ago=timedelta(hours=2)))
        assert "the one before" in ada.text(PAGE)
        with socket.socket() as listening:
            listening.set_inheritable(True)
            outcome, text = ada.told(ada.act(address, PAGE))
        (run,) = ledger.newest_runs(ledgers, 5)
        assert (outcome, text) == (
            "done", f"roll back run {run.id} goes back to {BEFORE}; both servers change within a minute",
        )  # fmt: skip
        assert (run.kind, run.release, run.begun_by, run.begun_via) == (
            "rollback", BEFORE, "ada", "dashboard, from 127.0.0.1",
        )  # fmt: skip
        said = started()
        assert said["words"] == ["-m", "django_tandem", "pipeline", "resume", str(run.id)]
        ours = {name: said["environment"].get(name) for name in ("TANDEM_CONFIG", "PGUSER")}
        assert ours == {"TANDEM_CONFIG": str(project_folder / "tandem.toml"), "PGUSER": "shared"}
        assert not [name for name in said["environment"] if name.startswith("TANDEM_") and name not in ours]
        assert said["at"] == str(project_folder)
        assert (said["sockets"], said["parent"] == os.getpid()) == (0, False)
        assert (project_folder / ".tandem" / "log" / f"run-{run.id}.log").exists()
        outcome, text = ada.told(ada.act(address, PAGE))
        assert (outcome, f"goes back to {BEFORE} already" in text) == ("done", True)
        assert f"Run {run.id}" in ada.text(PAGE)

    def test_a_driver_that_does_not_start_leaves_the_run_to_who_resumes_it(
        self, ada, ledgers, built, project_folder, started
    ):
        address = self.keep(project_folder, built("beef"))
        (project_folder / ".tandem" / "log").write_text("a file")
        text = ada.told(ada.act(address, PAGE))[1]
        (run,) = ledger.newest_runs(ledgers, 5)
        assert f"tandem pipeline resume {run.id}" in text
        assert run.state is RunState.WAITING
        (project_folder / ".tandem" / "log").unlink()
        assert ada.told(ada.act(f"{page_of(run.id)}resume"))[0] == "done"
        assert started()["words"][-1] == str(run.id)

    def test_what_is_live_or_not_here_begins_no_run(self, ada, ledgers, built, database, project_folder, started):
        live = self.keep(project_folder, built("beef"))
        fence.activate(database, BEFORE)
        assert ada.told(ada.act(live, PAGE)) == ("refused", f"roll back refused: {BEFORE} is live already")
        outcome, text = ada.told(ada.act(f"{PAGE}rollback/{built('cafe')}", PAGE))
        assert (outcome, "tandem rollback cafe00000000" in text) == ("refused", True)
        assert ledger.newest_runs(ledgers, 5) == []

    def test_of_a_project_that_is_elsewhere_the_command_is_offered(self, ada, ledgers, built, monkeypatch):
        built("beef")
        monkeypatch.setenv(
            "TANDEM_DRIVER", json.dumps({"host": "elsewhere", "config": "/x", "python": "", "added": []})
        )
        text = ada.text(PAGE)
        assert f"tandem rollback {BEFORE}" in text
        assert "Roll back<" not in text

    def test_a_run_that_is_driven_or_has_ended_is_not_driven_twice(self, ada, ledgers, running, held, begin):
        ledgers.execute("UPDATE tandem_lock SET run = %s", [running])
        outcome, text = ada.told(ada.act(f"{page_of(running)}resume"))
        assert (outcome, f"drives run {running}" in text) == ("refused", True)
        ledger.cancel(ledgers, running, by="ada")
        assert ada.told(ada.act(f"{page_of(running)}resume"))[0] == "refused"
