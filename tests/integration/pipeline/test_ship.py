"""Commits that become live on both servers or on none: real repositories, real servers, real loads."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from django_tandem.pipeline.stages import DRAIN, MIGRATE, PREPARE, PROVE, SWITCH, TRIAL, VERIFY
from django_tandem.release.hosts import talk
from tests import office as offices
from tests.integration.release.conftest import Repository
from tests.integration.serve.work import Work
from tests.office import SERVER, Office
from tests.waiting import until

LONG_S = 120


class Shop(Office):
    """The small project in a repository, with a database of its own, and what is shipped from it."""

    def __init__(self, folder, url):
        super().__init__(folder, url)
        self.repository = Repository.__new__(Repository)
        self.repository.folder = folder
        self.repository.write(".gitignore", ".tandem/\n__pycache__/\nlines\ngate\n")
        self.append('\n[pipeline]\nenvironment = "shared"\ntests = []\napproval = "none"\nwatch_seconds = 0.2\n')
        self.repository.git("init", "--quiet", "--initial-branch=main", at=None)
        self.first = self.repository.commit("first")

    def variables(self):
        """Its releases are named by their commits."""
        ours = {name: value for name, value in super().variables().items() if name != "TANDEM_RELEASE"}
        return {**ours, "TANDEM_TRIAL_DATABASE_URL": SERVER}

    def tandem(self, *words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "django_tandem", *words],
            cwd=self.folder, env={**self.variables(), **environment}, capture_output=True, text=True,
            timeout=LONG_S, check=False,
        )  # fmt: skip

    def ship(self, *words):
        """Ship to the end; the run."""
        done = self.tandem("ship", *words, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def change(self, text="\n# changed\n", path="office/urls.py"):
        """Commit a change; the release's name."""
        self.repository.append(path, text)
        return self.repository.commit("change")[:12]

    def began(self, step, driver):
        """Wait until the open run has begun `step`, or its driver has ended."""
        query = (
            "SELECT 1 FROM tandem_step JOIN tandem_run ON tandem_run.id = run "
            "WHERE ended_at IS NULL AND step = %s AND what = 'began'"
        )
        until(lambda: self.query(query, step.name) or driver.process.poll() is not None, LONG_S)

    def live(self):
        ((release,),) = self.query("SELECT release FROM tandem_fence")
        return release

    def releases(self):
        """What the processes behind both addresses say that they are."""
        told = []
        for port in (self.port, self.health_port):
            status, body = self.get("/-/release", port)
            assert status == 200
            told.append(json.loads(body)["release"])
        return told

    def servers(self):
        return talk.tell(self.folder / ".tandem", "servers", within_s=10)["servers"]

    def close(self):
        super().close()
        root = self.folder / ".tandem"
        if talk.is_there(root):
            pid = talk.tell(root, "servers", within_s=10)["pid"]
            talk.tell(root, "end", within_s=10)
            until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 60)


@pytest.fixture
def office(tmp_path, office_template):
    """In place of the small project's: the same in a repository."""
    name = f"shop_{os.getpid()}_{tmp_path.name[-20:].replace('-', '_')}".lower()
    one = Shop(tmp_path / "office", offices.make_database(name, office_template))
    yield one
    one.close()
    offices.drop_database(name)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, office_template):
    """One whose first release is live, and is again when a test has ended."""
    name = f"shop_{os.getpid()}"
    one = Shop(tmp_path_factory.mktemp("shop") / "office", offices.make_database(name, office_template))
    assert one.ship()["state"] == "live"
    yield one
    one.close()
    offices.drop_database(name)


@pytest.fixture(autouse=True)
def back(request):
    """What a test of the shop committed is not what the next one builds on."""
    yield
    if "shop" in request.fixturenames:
        one = request.getfixturevalue("shop")
        one.repository.git("reset", "--hard", "--quiet", one.first)


class Clients:
    """They ask for the first page all the time."""

    def __init__(self, office, count=6):
        self.statuses, self._stop = [], threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(office,)) for _ in range(count)]

    def _ask(self, office):
        while not self._stop.wait(0.01):
            try:
                self.statuses.append(office.get("/")[0])
            except OSError as error:
                self.statuses.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def steps(office, run):
    return [
        (row["stage"], row["step"], row["state"])
        for row in office.json("pipeline", "show", str(run))["steps"]
        if row["leg"] is None
    ]


def test_commits_become_live_under_load_and_back_and_nothing_is_lost(office):
    first = office.ship()
    assert (first["state"], first["commit"]) == ("live", office.first)
    assert office.releases() == [office.first[:12]] * 2 == [office.live()] * 2
    work, second = Work(office), office.change()
    with Clients(office) as clients:
        jobs = [work.write(f"job-{number}") for number in range(20)]
        held = work.hold("across")
        assert office.ship()["state"] == "live"
        assert office.releases() == [second] * 2
        jobs += [work.write(f"late-{number}") for number in range(20)]
        back = office.tandem("rollback", "--json")
        assert json.loads(back.stdout.splitlines()[-1])["kind"] == "rollback", back.stderr
        work.open()
        finished = work.finished(len(jobs) + 1)
    assert office.releases() == [office.first[:12]] * 2
    assert set(clients.statuses) == {200}
    assert {row[0] for row in finished} == {*jobs, held}
    written = [words[0] for words in work.lines() if words[0].startswith(("job", "late"))]
    assert sorted(written) == sorted(f"{when}-{number}" for when in ("job", "late") for number in range(20))
    assert [one["release"] for one in office.servers()] == [office.first[:12]] * 2


def test_a_release_that_does_not_import_changes_nothing(shop):
    before = shop.live()
    shop.change("\nraise RuntimeError('broken')\n", "office/wsgi.py")
    run = shop.ship()
    assert run["state"] == "failed"
    assert "broken" in run["reason"] or "died" in run["reason"]
    assert shop.releases() == [before] * 2
    assert {one["release"] for one in shop.servers()} == {before}


def test_a_release_whose_pages_fail_takes_both_legs_back(shop):
    before = shop.live()
    bad = shop.change("\n\ndef hello(request):\n    raise RuntimeError\n\n\nurlpatterns[0] = path('', hello)\n")
    run = shop.ship()
    assert run["state"] == "rolled back"
    assert "status 500" in run["reason"]
    assert shop.releases() == [before] * 2 == [shop.live()] * 2
    assert bad not in {one["release"] for one in shop.servers()}
    assert [step[:2] for step in steps(shop, run["id"])][-3:] == [
        ("return", "switch"), ("return", "drain"), ("return", "prove"),
    ]  # fmt: skip


def test_a_migration_that_fails_half_way_changes_nothing_that_is_live(shop):
    before = shop.live()
    # Where no run is in the ledger, as in the trial's database, it does nothing.
    fails = (
        "DO $$ BEGIN IF to_regclass('tandem_run') IS NOT NULL THEN "
        "IF EXISTS (SELECT FROM tandem_run) THEN RAISE 'it fails half way'; END IF; END IF; END $$"
    )
    operations = f'migrations.RunSQL("CREATE TABLE half (id int)"), migrations.RunSQL("{fails}")'
    shop.repository.migrate("0001_initial", operations, None)
    shop.repository.commit("half a migration")
    run = shop.ship()
    assert run["state"] == "failed"
    assert steps(shop, run["id"])[-1] == ("fork", "migrate", "failed")
    assert shop.query("SELECT to_regclass('half')") == [(None,)]
    assert shop.releases() == [before] * 2
    assert {one["release"] for one in shop.servers()} == {before}


def test_a_driver_that_is_killed_in_a_step_is_resumed(shop):
    """By a rollback, which has all the steps that change what is live, from one release to the other and back."""
    names = [shop.first[:12], shop.change()]
    assert shop.ship()["state"] == "live"
    for number, step in enumerate((PREPARE, MIGRATE, SWITCH, DRAIN, PROVE, VERIFY)):
        target = names[number % 2]
        driver = shop.start("rollback", target, "--json")
        shop.began(step, driver)
        driver.process.send_signal(signal.SIGKILL)
        driver.wait()
        done = shop.tandem("pipeline", "resume", "--json")
        assert done.returncode == 0, (step, done.stderr)
        assert shop.releases() == [target] * 2 == [shop.live()] * 2
        assert {one["release"] for one in shop.servers()} == {target}


def test_an_old_worker_that_was_frozen_through_the_switch_claims_nothing_when_it_wakes(office):
    office.ship()
    work = Work(office)
    (old,) = [one["pid"] for one in office.servers() if one["role"] == "async"]
    family = [psutil.Process(old), *psutil.Process(old).children(recursive=True)]
    office.change()
    driver = office.start("ship", "--json")
    until(
        lambda: office.query("SELECT 1 FROM tandem_step WHERE run = 2 AND step = 'migrate' AND what = 'began'"), LONG_S
    )
    for process in family:
        process.send_signal(signal.SIGSTOP)
    until(lambda: office.live() != office.first[:12], LONG_S)
    jobs = [work.write(f"job-{number}") for number in range(5)]
    assert driver.wait(LONG_S) == 0
    rows = work.finished(len(jobs))
    ((new,),) = office.query("SELECT id FROM tandem_server WHERE role = 'async' AND release = %s", office.live())
    assert {row[3] for row in rows} == {new}
    assert not any(process.is_running() for process in family)


def test_a_gate_is_asked_and_a_run_goes_on_when_it_is_given(office):
    office.edit('approval = "none"', 'approval = "required"')
    office.repository.commit("a gate")
    driver = office.start("ship")
    driver.says(r"waits for approval", LONG_S)
    assert office.live() is None
    refused = office.tandem("approve", "1", "--digest", "0" * 64)
    assert refused.returncode == 3
    assert office.tandem("approve", "1").returncode == 0
    assert driver.wait(LONG_S) == 0, driver.output
    gate = office.json("pipeline", "show", "1")["approval"]
    assert gate["decision"] == "approved"
    assert gate["decided_by"]
    assert office.releases() == [office.live()] * 2


def test_a_rejected_run_changes_nothing(office):
    office.edit('approval = "none"', 'approval = "required"')
    office.repository.commit("a gate")
    driver = office.start("ship")
    driver.says(r"waits for approval", LONG_S)
    assert office.tandem("reject", "1", "--reason", "not today").returncode == 0
    assert driver.wait(LONG_S) == 1
    assert "not today" in driver.output
    assert office.live() is None
    assert not talk.is_there(Path(office.folder, ".tandem")) or office.servers() == []


def test_a_role_that_a_release_no_longer_has_is_stopped_with_the_old_one(office):
    office.append('\n[roles.reports]\nkind = "async"\nqueues = ["reports"]\nhealth = "127.0.0.1:0"\n')
    office.repository.commit("one more role")
    office.ship()
    assert {one["role"] for one in office.servers()} == {"backoffice", "async", "reports"}
    text = (office.folder / "tandem.toml").read_text()
    (office.folder / "tandem.toml").write_text(text[: text.index("[roles.reports]")])
    release = office.repository.commit("and without it")[:12]
    assert office.ship()["state"] == "live"
    assert [(one["role"], one["release"]) for one in office.servers()] == [("backoffice", release), ("async", release)]


def test_what_cannot_be_is_refused(office):
    done = office.tandem("ship", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nowhere: no commit of this name" in done.stderr
    done = office.tandem("rollback")
    assert done.returncode == 2
    assert "no release before the live one is there" in done.stderr
    done = office.tandem("pipeline", "resume")
    assert done.returncode == 2
    assert "no run is open" in done.stderr


def test_a_database_that_fails_under_a_driver_is_told_and_the_run_is_resumed(shop):
    target = shop.change()
    driver = shop.start("ship")
    shop.began(TRIAL, driver)
    shop.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'tandem pipeline' AND datname = current_database()"
    )
    assert driver.wait(LONG_S) == 1
    assert "tandem pipeline resume goes on with the run" in driver.output
    assert "Traceback" not in driver.output
    done = shop.tandem("pipeline", "resume", "--json")
    assert done.returncode == 0, done.stderr
    assert shop.live() == target


def test_what_a_cancelled_run_had_standing_by_is_ended(shop):
    before, gate = shop.live(), shop.folder / "gate"
    shop.change(
        f"\nimport pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.01)\n",
        "office/wsgi.py",
    )
    driver = shop.start("ship")
    shop.began(PREPARE, driver)
    run = shop.json("pipeline", "list", "--open")[0]["id"]
    assert shop.tandem("pipeline", "cancel", str(run), "--reason", "wrong branch").returncode == 0
    gate.touch()
    assert driver.wait(LONG_S) == 1
    assert f"run {run} is cancelled: cancelled by" in driver.output
    assert shop.releases() == [before] * 2
    assert {one["release"] for one in shop.servers()} == {before}
