"""Atomic jobs: what the body did and that it was done are there together, or neither is."""

import os
import signal

import pytest
from django.contrib.auth.models import Group

from django_tandem.queue import finish, run
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus
from tests.integration.queue import policies
from tests.integration.queue.conftest import state_of
from tests.waiting import until


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "running"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def do(hand):
    """Enqueue a task, claim it and run it, and no more; the outcome and the result."""

    def do(task, *args):
        result = task.enqueue(*args)
        (job,) = hand.claim()
        return run.run(job, hand.owner, hand.interrupts), result

    return do


def test_its_completion_commits_with_its_body(do, jobs, hand):
    outcome, result = do(policies.make_group_once, "made")
    assert outcome.is_settled
    assert jobs() == []
    result.refresh()
    assert (result.status, result.return_value, result.attempts) == (TaskResultStatus.SUCCESSFUL, "made", 1)
    assert result.enqueued_at <= result.started_at <= result.last_attempted_at <= result.finished_at
    assert result.worker_ids == [f"{hand.owner.server}-{hand.owner.worker}"]
    assert Group.objects.filter(name="made").exists()


@pytest.mark.parametrize("then", ["raise", "unserialisable"])
def test_a_body_that_raises_leaves_nothing_but_its_failure(do, hand, then):
    outcome, result = do(policies.make_group_once, "made", then)
    assert (outcome.state, outcome.is_settled) == (State.FAILED, False)
    assert not Group.objects.filter(name="made").exists()
    assert finish.finish(hand.connection, hand.owner, [outcome]) == []
    result.refresh()
    assert (result.status, len(result.errors)) == (TaskResultStatus.FAILED, 1)


def test_so_does_one_that_returns_more_than_is_kept(do, hand):
    outcome, result = do(policies.make_group_and_return_too_much, "made")
    assert (outcome.state, outcome.is_settled, outcome.wait_s) == (State.FAILED, False, None)
    assert not Group.objects.filter(name="made").exists()
    assert finish.finish(hand.connection, hand.owner, [outcome]) == []
    result.refresh()
    assert "return_value is 1048579 bytes as JSON, expected at most 1048576" in result.errors[0].traceback


def test_so_does_one_that_took_too_long(do):
    outcome, _ = do(policies.make_group_for, "made", 60)
    assert (outcome.state, "TimedOut" in outcome.history) == (State.FAILED, True)
    assert not Group.objects.filter(name="made").exists()


def test_a_body_whose_lease_was_lost_is_rolled_back(hand, database, jobs, results, caplog):
    policies.make_group_once.enqueue("made")
    (job,) = hand.claim()
    database.execute("UPDATE tandem_job SET attempt = attempt + 1")
    outcome = run.run(job, hand.owner, hand.interrupts)
    assert outcome.is_settled
    assert "lease lost, its outcome is dropped" in caplog.text
    assert not Group.objects.filter(name="made").exists()
    assert (len(jobs()), results()) == (1, [])


def test_what_raises_after_the_commit_is_reported_and_undoes_nothing(do, caplog):
    outcome, result = do(policies.raise_after_commit, "made")
    assert (outcome.state, outcome.is_settled) == (State.SUCCESSFUL, True)
    assert "has committed; after that: ZeroDivisionError" in caplog.text
    result.refresh()
    assert result.status is TaskResultStatus.SUCCESSFUL
    assert Group.objects.filter(name="made").exists()


def test_a_worker_killed_in_the_middle_of_it_leaves_neither(start_worker, path, jobs, finished):
    result = policies.make_group_slowly.enqueue("made", str(path))
    start_worker(supervised=True, threads=1)
    killed = until(lambda: path.exists() and path.read_text())
    os.kill(int(killed), signal.SIGKILL)
    until(lambda: path.read_text() not in (killed, ""))
    assert state_of(jobs) == [("RUNNING", 2)]
    assert not Group.objects.filter(name="made").exists()
    path.unlink()
    assert finished(1)[result.id]["attempt"] == 2
    assert Group.objects.filter(name="made").count() == 1
    assert jobs() == []


def test_a_worker_goes_on_after_it(start_worker, finished):
    for number in range(20):
        policies.make_group_once.enqueue(f"group {number}")
    worker = start_worker(threads=2)
    assert {row["state"] for row in finished(20).values()} == {State.SUCCESSFUL}
    assert Group.objects.filter(name__startswith="group ").count() == 20
    assert worker.stop() == 0
