"""The ledger: one open run a commit, what newer ones do to older ones, rows that are added and never changed."""

import os
import threading
from datetime import timedelta

import psycopg
import pytest

from django_tandem.errors import DriverReplaced, PipelineBusy, ReleaseNotFound, RunMoved, RunNotFound
from django_tandem.pipeline import approval, ledger, lock, releases, stages
from django_tandem.pipeline.facts import facts
from django_tandem.pipeline.stages import RunState
from tests.integration.pipeline.conftest import COMMIT, OTHER, told
from tests.waiting import until

DIGEST = "d" * 64


@pytest.fixture
def commits():
    return [f"{number:040x}" for number in range(1, 11)]


def begin_at_once(process, commits, policy):
    """What each of several processes, let go in one moment, says about the run that it began."""
    launcher = process("begin", policy, *commits)
    said = [told(launcher) for _ in commits]
    assert len({one["pid"] for one in said}) == len(commits)
    return said


def test_the_same_commit_twice_is_one_run(begin):
    first, second = begin(), begin(by="grace")
    assert (first.is_new, second.is_new) == (True, False)
    assert second.run.id == first.run.id
    assert (second.run.begun_by, second.run.state, second.run.ref) == ("ada", RunState.WAITING, "main")


@pytest.mark.parametrize("ends", [RunState.FAILED, RunState.LIVE])
def test_a_commit_whose_run_has_ended_may_be_shipped_again(ledgers, begin, held, running, ends):
    if ends is RunState.LIVE:
        ledger.move(ledgers, held, running, RunState.FORKING)
    ledger.move(ledgers, held, running, ends, reason="so")
    again = begin()
    assert again.is_new
    assert again.run.id > running


def test_a_newer_run_supersedes_those_that_wait_and_no_other(begin, running, state):
    waits = begin(OTHER).run.id
    newest = begin("f" * 40)
    assert newest.superseded == (waits,)
    assert (state(running), state(waits), state(newest.run.id)) == ("running", "superseded", "waiting")


def test_with_queue_all_wait_and_the_oldest_goes_first(ledgers, begin, held):
    first, second = (begin(commit, policy="queue").run.id for commit in (COMMIT, OTHER))
    assert (ledger.is_turn(ledgers, first), ledger.is_turn(ledgers, second)) == (True, False)
    ledger.move(ledgers, held, first, RunState.FAILED)
    assert ledger.is_turn(ledgers, second)


def test_with_reject_a_second_is_refused_with_the_name_of_the_first(begin):
    first = begin(policy="reject").run.id
    assert not begin(policy="reject").is_new
    with pytest.raises(PipelineBusy, match=rf"^run {first} \(c0ffee000000\) is waiting: let it end"):
        begin(OTHER, policy="reject")


def test_a_rollback_supersedes_what_waits_goes_first_and_is_not_superseded(ledgers, begin, state):
    waits = begin(policy="queue").run.id
    back = begin(OTHER, kind="rollback", policy="reject").run.id
    newer = begin("f" * 40).run.id
    assert (state(waits), state(back), state(newer)) == ("superseded", "waiting", "waiting")
    assert (ledger.is_turn(ledgers, back), ledger.is_turn(ledgers, newer)) == (True, False)


@pytest.mark.parametrize("count", [2, 10])
def test_of_a_commit_that_comes_many_times_at_once_there_is_one_run(process, count, ledgers):
    said = begin_at_once(process, [COMMIT] * count, "supersede")
    assert len({one["run"] for one in said}) == 1
    assert [one["is_new"] for one in said].count(True) == 1
    assert len(ledger.newest_runs(ledgers, 100)) == 1


@pytest.mark.parametrize("count", [2, 10])
def test_of_a_burst_of_commits_one_waits_and_the_others_are_superseded(process, count, ledgers, commits):
    said = begin_at_once(process, commits[:count], "supersede")
    newest, *older = ledger.newest_runs(ledgers, 100)
    assert newest.state is RunState.WAITING
    assert newest.id == max(one["run"] for one in said)
    assert {run.state for run in older} == {RunState.SUPERSEDED}
    assert len(older) == count - 1
    assert all(run.superseded_by and run.superseded_by > run.id for run in older)


def test_of_a_burst_that_queues_all_wait(process, ledgers, commits):
    begin_at_once(process, commits, "queue")
    assert {run.state for run in ledger.newest_runs(ledgers, 100)} == {RunState.WAITING}


def test_of_a_burst_that_is_rejected_one_is_taken(process, ledgers, commits):
    said = begin_at_once(process, commits, "reject")
    assert len([one for one in said if "run" in one]) == 1
    assert len([one for one in said if "refused" in one]) == 9
    assert len(ledger.newest_runs(ledgers, 100)) == 1


def test_a_run_that_is_not_there_is_told(ledgers):
    with pytest.raises(RunNotFound, match=r"^there is no run 7: `tandem pipeline list`") as refused:
        ledger.read_run(ledgers, 7)
    assert refused.value.exit_code == 2


def test_a_step_is_written_before_it_and_after_it(ledgers, held, running, others):
    seen = others()
    with ledger.writing(ledgers, held, running, stages.PREPARE, leg="async", host="h1", detail={"a": 1}) as says:
        (before,) = ledger.rows(seen, running)
        (fact,) = ledger.timeline(seen, running)
        says["b"] = 2
    assert (before["what"], before["stage"], before["step"]) == ("began", "fork", "prepare")
    assert (fact.state, fact.leg, fact.host, fact.ended_at) == ("running", "async", "h1", None)
    after = ledger.rows(seen, running)[-1]
    assert (after["what"], after["leg"], after["host"], after["detail"]) == ("ended", "async", "h1", {"b": 2})
    assert after["epoch"] == held.epoch
    (fact,) = ledger.timeline(seen, running)
    assert (fact.state, fact.detail) == ("ended", {"a": 1, "b": 2})
    assert fact.seconds == pytest.approx((fact.ended_at - fact.began_at).total_seconds(), abs=0.05)


def test_a_step_that_raises_has_failed_with_the_reason_and_without_a_password(ledgers, held, running):
    def build():
        with ledger.writing(ledgers, held, running, stages.BUILD) as says:
            says["log"] = "build.log"
            raise OSError("cannot reach postgresql://office:sesame@db/office")

    with pytest.raises(OSError, match="sesame"):
        build()
    (fact,) = ledger.timeline(ledgers, running)
    assert fact.state == "failed"
    assert fact.detail == {
        "log": "build.log", "error": "OSError", "text": "cannot reach postgresql://office:********@db/office",
    }  # fmt: skip


def test_an_interruption_is_no_failure_and_the_step_is_done_again(ledgers, held, running):
    with pytest.raises(KeyboardInterrupt), ledger.writing(ledgers, held, running, stages.SOURCE):
        raise KeyboardInterrupt
    assert ledger.timeline(ledgers, running)[0].state == "running"
    lock.release(ledgers, held)
    steps = ledger.timeline(ledgers, running)
    assert (steps[0].state, steps[0].seconds) == ("cut off", None)
    assert stages.next_step(steps, stages.plan("ship", gate=True)).step == stages.SOURCE


def test_a_step_ends_once(ledgers, held, running):
    row = ledger.began(ledgers, held, running, stages.BUILD)
    ledger.ended(ledgers, held, row, {"first": True})
    ledger.ended(ledgers, held, row)  # as a driver does that did not hear whether it was written
    with pytest.raises(RunMoved, match=rf"^step {row} has ended: it cannot have failed$"):
        ledger.failed(ledgers, held, row)
    assert [one["what"] for one in ledger.rows(ledgers, running)] == ["began", "ended"]
    assert ledger.timeline(ledgers, running)[0].detail == {"first": True}


@pytest.mark.parametrize(
    "how", ["UPDATE tandem_step SET what = 'ended'", "DELETE FROM tandem_step", "TRUNCATE tandem_step CASCADE"]
)
@pytest.mark.parametrize("as_replica", [False, True])
def test_nobody_changes_what_was_written(ledgers, held, running, others, how, as_replica):
    ledger.began(ledgers, held, running, stages.BUILD)
    superuser = others()
    if as_replica:  # in which triggers do not fire, unless they always do
        superuser.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.RestrictViolation, match="tandem_step keeps what was written"):
        superuser.execute(how)
    assert len(ledger.rows(ledgers, running)) == 1


def test_a_driver_whose_lock_was_taken_over_writes_nothing(ledgers, held, running, others):
    begun = ledger.began(ledgers, held, running, stages.BUILD)
    before = ledger.rows(ledgers, running)
    ledgers.execute("UPDATE tandem_lock SET heartbeat_at = heartbeat_at - interval '1 hour'")
    lock.acquire(others())
    for write in (
        lambda: ledger.began(ledgers, held, running, stages.TRIAL),
        lambda: ledger.ended(ledgers, held, begun),
        lambda: ledger.failed(ledgers, held, begun),
        lambda: ledger.move(ledgers, held, running, RunState.FAILED),
        lambda: ledger.built(ledgers, held, running, DIGEST, {}),
        lambda: approval.ask(ledgers, held, running, DIGEST, {}, valid_for=timedelta(hours=1)),
        lambda: releases.became_live(ledgers, held, DIGEST),
        lambda: releases.verified(ledgers, held, DIGEST),
        lambda: releases.removed(ledgers, held, DIGEST),
    ):
        with pytest.raises(DriverReplaced, match=rf"of epoch 1 is lost: process {os.getpid()} on .* at epoch 2"):
            write()
    assert ledger.rows(ledgers, running) == before
    assert ledger.read_run(ledgers, running).state is RunState.RUNNING
    assert approval.read(ledgers, running) is None


def test_a_run_that_is_what_it_is_to_become_stays_so(ledgers, held, running, begin):
    ledger.move(ledgers, held, running, RunState.RUNNING)
    ledger.move(ledgers, held, running, RunState.FAILED, reason="the tests failed")
    ledger.move(ledgers, held, running, RunState.FAILED)
    assert ledger.read_run(ledgers, running).reason == "the tests failed"


def test_a_run_does_not_become_what_may_not_follow(ledgers, held, running):
    with pytest.raises(RunMoved, match=rf"^run {running} is running: it cannot become live$"):
        ledger.move(ledgers, held, running, RunState.LIVE)


def test_a_cancelled_run_begins_no_other_step_and_ends_the_one_it_is_at(ledgers, held, running, state):
    row = ledger.began(ledgers, held, running, stages.BUILD)
    ledger.cancel(ledgers, running, by="ada")
    assert state(running) == "cancelled"
    ledger.ended(ledgers, held, row)
    with pytest.raises(RunMoved, match=r"cancelled \(cancelled by ada\): trial trial does not begin"):
        ledger.began(ledgers, held, running, stages.TRIAL)
    with pytest.raises(RunMoved, match="cannot be cancelled: cancelled by ada"):
        ledger.cancel(ledgers, running, by="grace")


def test_nothing_is_cancelled_after_migrations_began(ledgers, held, running, state):
    ledger.move(ledgers, held, running, RunState.FORKING)
    ledger.began(ledgers, held, running, stages.MIGRATE)
    with pytest.raises(RunMoved, match=rf"^run {running} is forking and cannot be cancelled: its migrations have"):
        ledger.cancel(ledgers, running, by="ada")
    assert state(running) == "forking"


def test_who_cancels_while_migrations_begin_is_refused(ledgers, held, running, others, state):
    ledger.move(ledgers, held, running, RunState.FORKING)
    person, refused = others(), []

    def cancel():
        with pytest.raises(RunMoved, match="its migrations have begun"):
            ledger.cancel(person, running, by="ada")
        refused.append(True)

    with ledgers.transaction():
        ledger.began(ledgers, held, running, stages.MIGRATE)
        thread = threading.Thread(target=cancel)
        thread.start()
        until(lambda: _waits_for_a_lock(others, person.info.backend_pid))
    thread.join()
    assert (refused, state(running)) == ([True], "forking")


def _waits_for_a_lock(others, backend):
    query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    return others().execute(query, [backend]).fetchone() == (True,)


def test_a_release_that_was_never_built_is_told(ledgers, held):
    with pytest.raises(ReleaseNotFound, match=rf"^there is no release of digest {DIGEST}$"):
        releases.became_live(ledgers, held, DIGEST)


def test_a_commit_is_one(begin):
    with pytest.raises(psycopg.errors.CheckViolation):
        begin("main")


def test_what_was_built_is_a_release_and_a_commit_that_is_built_again_is_the_same(ledgers, held, running, begin):
    ledger.built(ledgers, held, running, DIGEST, {"app": "office"})
    releases.removed(ledgers, held, DIGEST)
    ledger.move(ledgers, held, running, RunState.FAILED)
    again = begin().run.id
    ledger.built(ledgers, held, again, DIGEST, {"app": "office"})
    (one,) = releases.newest(ledgers, 10)
    assert (one.digest, one.release, one.commit, one.manifest) == (DIGEST, "c0ffee000000", COMMIT, {"app": "office"})
    assert (one.became_live_at, one.verified_at, one.removed_at) == (None, None, None)
    assert ledger.read_run(ledgers, again).digest == DIGEST
    for name in (DIGEST, "c0ffee000000", COMMIT):
        assert releases.read(ledgers, name) == one
    assert releases.read(ledgers, "f" * 12) is None


def test_releases_are_told_in_the_order_in_which_they_were_live(ledgers, held, begin):
    for commit, digest in ((COMMIT, "a" * 64), (OTHER, "b" * 64), ("f" * 40, "c" * 64)):
        ledger.built(ledgers, held, begin(commit).run.id, digest, {})
    for digest in ("b" * 64, "a" * 64):
        releases.became_live(ledgers, held, digest)
    releases.verified(ledgers, held, "a" * 64)
    assert [one.digest[0] for one in releases.newest(ledgers, 10)] == ["a", "b", "c"]
    assert [one.verified_at is not None for one in releases.newest(ledgers, 10)] == [True, False, False]


def test_all_that_is_known_of_a_run_is_told_as_json_has_it(ledgers, held, running):
    ledger.built(ledgers, held, running, DIGEST, {"app": "office"})
    with ledger.writing(ledgers, held, running, stages.BUILD):
        pass
    found = facts(ledgers, running)
    assert found["run"]["state"] == "running"
    assert (found["release"]["release"], found["live"]) == ("c0ffee000000", False)
    assert found["approval"] is None
    assert [(step["stage"], step["state"]) for step in found["steps"]] == [("build", "ended")]
    assert found["steps"][0]["began_at"].startswith("20")
