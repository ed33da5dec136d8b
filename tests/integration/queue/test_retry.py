"""Retries: an attempt that raised is kept and shown, and the job begins again when its task's Retry says so."""

import logging
from datetime import timedelta

import pytest

from django_tandem.errors import InvalidResult
from django_tandem.queue import finish, run, scheduler
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus, task_finished
from tests.integration.queue import policies
from tests.integration.queue.conftest import state_of
from tests.waiting import until


@pytest.fixture
def now(tmp_path):
    return str(tmp_path / "attempts")


@pytest.fixture
def heard():
    """The states with which task_finished was sent."""
    told = []

    def hear(task_result, **_):
        told.append(task_result.status)

    task_finished.connect(hear)
    yield told
    task_finished.disconnect(hear)


def again(hand):
    """Claim what has been promoted, run and finish it; the outcome."""
    assert scheduler.promote(hand.connection) == 1
    (outcome,) = hand.work()
    return outcome


def test_a_job_that_raised_waits_and_shows_what_was_raised(hand, jobs, caplog):
    result = policies.fail_and_wait.enqueue()
    with caplog.at_level(logging.WARNING, "django_tandem.queue"):
        (outcome,) = hand.work()
    assert (outcome.state, outcome.wait_s) == (State.SCHEDULED, 3600)
    (job,) = jobs()
    assert (job["state"], job["attempt"], job["server"], job["worker"]) == (State.SCHEDULED, 1, None, None)
    assert job["due"] > job["enqueued_at"] + timedelta(seconds=3599)
    assert "attempt 1 raised OSError: away; again in 3600.0 s" in caplog.text
    result.refresh()
    assert (result.status, result.attempts, result.finished_at) == (TaskResultStatus.READY, 1, None)
    assert [error.exception_class for error in result.errors] == [OSError]
    assert result.started_at is not None
    assert result.started_at <= result.last_attempted_at


def test_it_begins_again_until_it_succeeds_and_its_end_is_told_once(hand, now, heard):
    result = policies.fail_until.enqueue(3, now)
    hand.work()
    again(hand)
    assert heard == []
    assert again(hand).state is State.SUCCESSFUL
    assert heard == [TaskResultStatus.SUCCESSFUL]
    result.refresh()
    assert (result.return_value, result.attempts) == (3, 3)
    assert [error.traceback.strip().rpartition("\n")[2] for error in result.errors] == [
        "OSError: attempt 1",
        "OSError: attempt 2",
    ]


def test_it_fails_after_the_last_attempt_with_the_errors_of_all(hand, now, heard, jobs):
    result = policies.fail_until.enqueue(9, now)
    hand.work()
    again(hand)
    assert again(hand).state is State.FAILED
    result.refresh()
    assert (result.status, result.attempts, len(result.errors)) == (TaskResultStatus.FAILED, 3, 3)
    assert heard == [TaskResultStatus.FAILED]
    assert jobs() == []


def test_an_exception_that_it_does_not_name_ends_it(hand, now):
    policies.fail_until.enqueue(9, now, "ValueError")
    (outcome,) = hand.work()
    assert (outcome.state, outcome.wait_s) == (State.FAILED, None)


def test_a_backoff_that_raises_ends_it_and_is_reported(hand, caplog):
    policies.fail_with_a_broken_backoff.enqueue()
    (outcome,) = hand.work()
    assert outcome.state is State.FAILED
    assert "the backoff of its Retry raised ZeroDivisionError" in caplog.text


def test_after_a_lost_lease_the_job_is_not_sent_back(hand, database, jobs):
    policies.fail_and_wait.enqueue()
    outcomes = [run.run(job, hand.owner, hand.interrupts) for job in hand.claim()]
    database.execute("UPDATE tandem_job SET attempt = attempt + 1")
    before = jobs()
    assert finish.finish(database, hand.owner, outcomes) == outcomes
    assert finish.already_written(database, hand.owner, outcomes) == set()
    assert jobs() == before


def test_finished_jobs_and_those_to_begin_again_are_written_together(hand, now):
    policies.fail_and_wait.enqueue()
    policies.fail_until.enqueue(1, now)
    outcomes = hand.work(2)
    assert {outcome.state for outcome in outcomes} == {State.SCHEDULED, State.SUCCESSFUL}
    written = {outcome.job.id for outcome in outcomes}
    assert finish.already_written(hand.connection, hand.owner, outcomes) == written


def test_whether_it_was_sent_back_is_known_when_it_has_been_begun_since_and_when_it_has_ended(hand, now):
    policies.fail_until.enqueue(3, now)
    first = hand.work()
    scheduler.promote(hand.connection)
    second = hand.finish(*hand.claim())
    assert finish.already_written(hand.connection, hand.owner, first + second) == {first[0].job.id}
    again(hand)
    assert finish.already_written(hand.connection, hand.owner, first) == {first[0].job.id}


def test_a_worker_retries(start_worker, now, hand, finished, jobs):
    result = policies.fail_until.enqueue(3, now)
    worker = start_worker()
    for attempt in (1, 2):
        until(lambda attempt=attempt: state_of(jobs) == [("SCHEDULED", attempt)])
        scheduler.promote(hand.connection)
        worker.says(f"attempt {attempt} raised OSError: attempt {attempt}; again in 0.0 s")
        until(lambda attempt=attempt: state_of(jobs) != [("SCHEDULED", attempt)])
        scheduler.promote(hand.connection)
    row = finished(1)[result.id]
    assert (row["state"], row["attempt"], row["return_value"]) == (State.SUCCESSFUL, 3, "3")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("large", "return_value is 1048579 bytes as JSON, expected at most 1048576 (TASKS OPTIONS max_bytes)"),
        ("object", "return_value['found'][0] is of type object"),
    ],
)
def test_a_job_that_returned_what_cannot_be_kept_has_run_and_is_not_retried(hand, tmp_path, kind, says):
    result = policies.return_too_much.enqueue(str(tmp_path / "runs"), kind)
    (outcome,) = hand.work()
    assert (outcome.state, outcome.wait_s) == (State.FAILED, None)
    assert (tmp_path / "runs").read_text() == "ran\n"
    result.refresh()
    assert [error.exception_class for error in result.errors] == [InvalidResult]
    assert f"InvalidResult: {policies.return_too_much.module_path}: {says}" in result.errors[0].traceback
