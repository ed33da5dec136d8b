"""Commits that become live on both servers or on none: real repositories, real servers, real loads."""

import json
import re
import shutil
import signal

import psutil
import pytest

from django_tandem.pipeline.stages import DRAIN, MIGRATE, PREPARE, PROVE, SWITCH, TRIAL, VERIFY
from tests.clients import Clients
from tests.integration.pipeline.shop import LONG_S, steps
from tests.integration.serve.work import Work
from tests.waiting import until

# A Back Office that stands by only once a file is there.
GATED = """
import pathlib, time
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
"""


def test_commits_become_live_under_load_and_back_and_nothing_is_lost(office):
    first = office.ship()
    assert (first["state"], first["commit"]) == ("live", office.first)
    assert office.releases() == [office.first[:12]] * 2 == [office.live()] * 2
    work, second = Work(office), office.change()
    with Clients(office, 3, pause_s=0.01) as clients:
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
    assert "died 3 times at its start" in run["reason"]
    assert "broken" in run["reason"]
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


@pytest.mark.long
def test_a_driver_that_is_killed_in_a_step_is_resumed(shop):
    """By a rollback, which has all the steps that change what is live, from one release to the other and back."""
    names = [shop.first[:12], shop.turn()]
    if shop.live() == names[0]:
        names.reverse()
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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_a_gate_says_which_settings_change_and_a_rejected_run_changes_nothing(shop):
    before = shop.live()
    shop.edit('approval = "none"', 'approval = "required"')
    shop.edit('CONN_MAX_AGE" = 600', 'CONN_MAX_AGE" = 60')
    shop.edit("the office's own", "another one", "office/settings.py")
    shop.append('\nEMAIL_HOST = "mail.example"\n', "office/settings.py")
    # As in a shallow clone, the live commit is not there. Other tests need it again.
    there = shop.repository.folder / ".git"
    kept = there.rename(shop.folder.parent / "kept.git")
    shop.repository.git("init", "--quiet", "--initial-branch=main")
    shop.repository.commit("a gate")
    driver = shop.start("ship")
    run = driver.says(r"tandem reject (\d+)", LONG_S)[1]
    for line in (
        rf"since {before}; that commit is not in this repository \(a shallow clone\?\)",
        'all roles +EMAIL_HOST: "localhost" → "mail.example"',
        "async +DATABASES.default.CONN_MAX_AGE: 600 → 60",
        r"all roles +SECRET_KEY changed \(hidden\)",
    ):
        assert re.search(line, driver.output), driver.output
    assert shop.tandem("reject", run, "--reason", "not today").returncode == 0
    assert driver.wait(LONG_S) == 1
    assert "not today" in driver.output
    shutil.rmtree(there)
    kept.rename(there)
    assert shop.live() == before
    assert {one["release"] for one in shop.servers()} == {before}


@pytest.mark.long
def test_a_role_that_a_release_no_longer_has_is_stopped_with_the_old_one(office):
    office.append('\n[roles.reports]\nkind = "async"\nqueues = ["reports"]\nhealth = "127.0.0.1:0"\n')
    office.repository.commit("one more role")
    office.ship()
    assert {one["role"] for one in office.servers()} == {"backoffice", "async", "reports"}
    text = (office.folder / "tandem.toml").read_text()
    (office.folder / "tandem.toml").write_text(text[: text.index("[roles.reports]")])
    release = office.repository.commit("and without it")[:12]
    assert office.ship()["state"] == "live"
    assert {(one["role"], one["release"]) for one in office.servers()} == {("backoffice", release), ("async", release)}


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


@pytest.mark.long
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


@pytest.mark.long
def test_what_a_run_left_that_was_cancelled_without_a_driver_is_ended_by_the_next(shop):
    before, gate = shop.live(), shop.folder / "gate"
    left = shop.change(GATED.format(gate=str(gate)), "office/wsgi.py")
    driver = shop.start("ship")
    until(lambda: left in {one["release"] for one in shop.servers()} or driver.process.poll() is not None, LONG_S)
    driver.process.send_signal(signal.SIGKILL)
    driver.wait()
    gate.touch()
    run = shop.json("pipeline", "list", "--open")[0]["id"]
    assert shop.tandem("pipeline", "cancel", str(run)).returncode == 0
    assert {one["release"] for one in shop.servers()} == {before, left}
    target = shop.change()
    assert shop.ship()["state"] == "live"
    assert {one["release"] for one in shop.servers()} == {target}
    assert shop.processes(left) == []


@pytest.mark.long
def test_what_a_cancelled_run_had_standing_by_is_ended(shop):
    before, gate = shop.live(), shop.folder / "gate"
    shop.change(GATED.format(gate=str(gate)), "office/wsgi.py")
    driver = shop.start("ship")
    shop.began(PREPARE, driver)
    run = shop.json("pipeline", "list", "--open")[0]["id"]
    assert shop.tandem("pipeline", "cancel", str(run), "--reason", "wrong branch").returncode == 0
    gate.touch()
    assert driver.wait(LONG_S) == 1
    assert f"run {run} is cancelled: cancelled by" in driver.output
    assert shop.releases() == [before] * 2
    assert {one["release"] for one in shop.servers()} == {before}
