"""A job is found wherever it is and tells of its life; lists of jobs are newest first."""

import logging
import os
from datetime import datetime, timedelta, timezone

import pytest
from asgiref.sync import async_to_sync

from django_tandem.queue import lease, results
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TASKS_LOGGER, TaskResultStatus
from tests import jobs as shared
from tests.integration.queue import tasks


def now():
    return datetime.now(timezone.utc)


@pytest.fixture
def five(hand):
    """The ids of a finished, a failed, a running, a ready and a scheduled job, in this order."""
    made = [shared.add.enqueue(1), shared.fail.enqueue("no")]
    hand.work(2)
    made.append(shared.add.enqueue(3))
    hand.claim()
    made.append(tasks.special.enqueue())
    made.append(shared.add.using(run_after=now() + timedelta(hours=1)).enqueue(5))
    return [int(one.id) for one in made]


def found(**filters):
    return [row.id for row in results.newest("default", 10, **filters)]


def test_a_job_is_read_wherever_it_is(five):
    rows = [results.read("default", job) for job in five]
    assert [row.id for row in rows] == five
    assert [row.state for row in rows] == [State.SUCCESSFUL, State.FAILED, State.RUNNING, State.READY, State.SCHEDULED]
    assert [row.finished_at is not None for row in rows] == [True, True, False, False, False]
    assert [row.return_value for row in rows] == ["1", None, None, None, None]
    assert results.read("default", 0) is None


def test_the_life_of_a_job_that_succeeds(hand):
    before = now()
    result = shared.add.enqueue(1, b=2)
    assert result.status == TaskResultStatus.READY
    (job,) = hand.claim()
    result.refresh()
    assert (result.status, result.is_finished) == (TaskResultStatus.RUNNING, False)
    assert before <= result.enqueued_at <= result.started_at == result.last_attempted_at <= now()
    assert (result.finished_at, result.errors) == (None, [])
    assert result.worker_ids == [f"{hand.owner.server}-{os.getpid()}"]
    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value
    hand.finish(job)
    stale, (status, returned) = result.status, (TaskResultStatus.SUCCESSFUL, 3)
    assert stale == TaskResultStatus.RUNNING  # a result tells how it stood when it was read
    async_to_sync(result.arefresh)()
    assert (result.status, result.return_value, result.is_finished) == (status, returned, True)
    assert result.enqueued_at <= result.started_at == result.last_attempted_at <= result.finished_at <= now()
    assert (result.errors, result.attempts, len(result.worker_ids)) == ([], 1, 1)
    assert (result.args, result.kwargs) == ([1], {"b": 2})


def test_the_life_of_a_job_that_fails(hand):
    result = shared.fail.enqueue("no such loan")
    hand.work()
    result.refresh()
    assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.FAILED, True, 1)
    assert result.started_at <= result.finished_at
    (error,) = result.errors
    assert error.exception_class is ValueError
    assert error.traceback.startswith("Traceback (most recent call last):")
    assert error.traceback.endswith("ValueError: no such loan\n")
    assert "raise ValueError(text)" in error.traceback
    with pytest.raises(ValueError, match="Task failed"):
        _ = result.return_value


def test_a_job_that_was_cut_off_tells_of_both_attempts(hand, other_hand):
    result = shared.add.enqueue(1)
    (job,) = hand.claim()
    lease.put_back(hand.connection, *hand.owner, begun=[job.id])
    result.refresh()
    assert (result.status, result.attempts) == (TaskResultStatus.READY, 1)
    first = result.started_at
    assert result.last_attempted_at == first == job.claimed_at
    other_hand.work()
    result.refresh()
    assert (result.status, result.attempts, result.started_at) == (TaskResultStatus.SUCCESSFUL, 2, first)
    assert result.last_attempted_at > first
    assert result.worker_ids == [f"{one.owner.server}-{one.owner.worker}" for one in (hand, other_hand)]
    assert [error.exception_class.__name__ for error in result.errors] == ["WorkerDied"]


def test_a_nul_in_a_traceback_hides_no_result(hand, caplog):
    caplog.set_level(logging.CRITICAL, TASKS_LOGGER)  # half a character in a log cannot be told from process to process
    result = shared.fail.enqueue("\x00 \ud800")
    (job,) = hand.claim()
    (outcome,) = hand.finish(job)
    result.refresh()
    assert result.errors[0].traceback.endswith("ValueError: \x00 \ud800\n")
    again = shared.add.enqueue(1)
    query = "UPDATE tandem_job SET history = %s WHERE id = %s"
    hand.connection.execute(query, [outcome.history, int(again.id)])
    again.refresh()
    assert again.last_attempted_at == job.claimed_at


def test_the_newest_come_first_and_no_more_than_asked_for(five):
    assert found() == five[::-1]
    assert [row.id for row in results.newest("default", 2)] == five[:2:-1]


def test_filters_narrow_the_list(five):
    finished, failed, running, ready, scheduled = five
    assert found(state=State.FAILED) == [failed]
    assert found(state=State.SCHEDULED) == [scheduled]
    assert found(queue="special") == [ready]
    assert found(task="tests.jobs.add") == [scheduled, running, finished]
    assert found(task="tests.jobs.add", state=State.RUNNING, queue="default") == [running]
    assert found(queue="nobody's") == []


def test_attempts_are_told_from_the_history_and_the_present_owner(hand, other_hand, five):
    running = five[2]
    me, other = (f"{one.owner.server}-{one.owner.worker}" for one in (hand, other_hand))

    def workers(job):
        return results.workers_of(results.read("default", job))

    assert [workers(job) for job in five] == [[me], [me], [me], [], []]
    lease.put_back(hand.connection, *hand.owner, begun=[running])
    assert workers(running) == [me]
    other_hand.claim()
    assert workers(running) == [me, other]
    (error,) = results.errors_of(results.read("default", running))
    assert error.exception_class_path == "django_tandem.errors.WorkerDied"
