"""Timeouts: an attempt that takes too long is interrupted; one that ignores this costs its process and nothing else."""

import asyncio
import time

import pytest
from django.contrib.auth.models import Group

from django_tandem.queue import interrupt, run, scheduler
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue import policies, tasks
from tests.waiting import until


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "running"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def do(hand):
    """Enqueue a task, claim it and run it; the outcome and how many seconds it took."""

    def do(task, *args, loop=False):
        task.enqueue(*args)
        (job,) = hand.claim()
        outcome = (
            asyncio.run(run.arun(job, hand.owner, hand.interrupts))
            if loop
            else run.run(job, hand.owner, hand.interrupts)
        )
        return outcome, outcome.ended - outcome.began

    return do


@pytest.mark.parametrize(
    ("task", "arguments", "loop"),
    [
        (policies.count_for, (60,), False),
        (policies.query_for, ("timed", 60), False),
        (policies.asleep, (60,), False),
        (policies.asleep, (60,), True),
    ],
)
def test_what_runs_too_long_is_interrupted_wherever_it_is(do, task, arguments, loop):
    outcome, seconds = do(task, *arguments, loop=loop)
    assert outcome.state is State.FAILED
    assert "django_tandem.errors.TimedOut: it ran longer than its timeout of" in outcome.history
    assert task.func.__name__ in outcome.history  # the traceback shows where it was
    assert task.timeout <= seconds < task.timeout + 2


def test_its_transaction_is_rolled_back_and_its_connection_is_not_the_next_jobs(do):
    do(policies.query_for, "timed", 60)
    assert not Group.objects.filter(name="timed").exists()
    outcome, _ = do(tasks.database_session)
    assert outcome.state is State.SUCCESSFUL


def test_a_task_tidies_up_and_does_not_catch_it_by_catching_all_exceptions(do, path):
    outcome, _ = do(policies.tidy_up, str(path))
    assert outcome.state is State.FAILED
    assert path.read_text() == "tidy"


def test_what_ends_in_time_is_left_alone(do):
    assert do(policies.in_time, 5)[0].returned == "5"


def test_an_interruption_never_hits_what_comes_after_the_job(hand, monkeypatch):
    """Jobs end just when their time is over, again and again: each has timed out or it has not."""
    monkeypatch.setattr(interrupt, "LOOK_S", 0.0005)
    policies.in_time.enqueue(1)
    (job,) = hand.claim()
    ended = []
    for turn in range(300):
        seconds = 0.002 + turn % 10 * 0.0001

        def body(seconds=seconds):
            policies.count_for.func(seconds)
            return "ended"

        try:
            ended.append(hand.interrupts.call(job, 0.002, body))
        except interrupt.TimedOut:
            ended.append("interrupted")
        for _ in range(100):  # here an interruption that came late would be raised
            pass
    assert set(ended) == {"ended", "interrupted"}


def test_a_timeout_is_retried_as_any_exception(hand):
    result = policies.count_and_again.enqueue(60)
    hand.work()
    scheduler.promote(hand.connection)
    (outcome,) = hand.work()
    result.refresh()
    assert (outcome.state, len(result.errors)) == (State.FAILED, 2)


@pytest.mark.parametrize("task", [policies.ignore, policies.aignore])
def test_who_ignores_it_costs_its_process_and_not_its_siblings_jobs(start_worker, task, path, tmp_path, finished, jobs):
    sibling = tmp_path / "sibling"
    stubborn, beside = task.enqueue(str(path)), tasks.wait_for.enqueue(str(sibling), then="kept")
    worker = start_worker(supervised=True, threads=2)
    worker.says("and did not stop; this worker drains and is replaced")
    row = finished(1)[stubborn.id]
    assert (row["state"], row["attempt"]) == (State.FAILED, 1)
    assert "TimedOut" in row["history"]
    after = shared.add.enqueue(1)
    first = sibling.read_text()
    sibling.unlink()
    rows = finished(3)
    assert (rows[beside.id]["return_value"], rows[beside.id]["attempt"]) == ('"kept"', 1)
    assert str(rows[after.id]["worker"]) != first
    assert "; pid " in worker.says("replaces it").log
    until(lambda: jobs() == [])


def test_a_job_that_was_given_up_and_ends_after_all_changes_nothing(start_worker, path, tmp_path, finished, results):
    sibling = tmp_path / "sibling"
    stubborn = policies.ignore.enqueue(str(path))
    tasks.wait_for.enqueue(str(sibling))
    worker = start_worker(threads=2)
    worker.says("did not stop")
    row = finished(1)[stubborn.id]
    path.unlink()
    since = time.monotonic()
    until(lambda: time.monotonic() - since > 0.5)
    sibling.unlink()
    assert worker.wait() == 0
    assert finished(2)[stubborn.id] == row
    assert len(results()) == 2
    assert "lease lost" not in worker.log
