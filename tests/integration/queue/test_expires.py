"""Expiry: a job that nobody began in time is not begun any more, and says so."""

import logging
from datetime import timedelta

from django.db import transaction

from django_tandem.errors import Expired
from django_tandem.queue import scheduler
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus, task_backends
from tests.integration.queue import policies

LATE = "UPDATE tandem_job SET expires_at = expires_at - interval '1 hour'"


def test_a_job_keeps_the_time_until_which_it_may_begin(database, jobs):
    policies.soon.enqueue()
    policies.soon.using(expires=timedelta(days=1)).enqueue()
    task_backends["default"].enqueue_many(policies.soon, [((), {})])
    spans = [job["expires_at"] - job["enqueued_at"] for job in jobs()]
    assert spans == [timedelta(seconds=1), timedelta(days=1), timedelta(seconds=1)]


def test_it_begins_before_that_time(hand):
    result = policies.soon.using(expires=timedelta(minutes=1)).enqueue()
    hand.work()
    result.refresh()
    assert result.return_value == "in time"


def test_claimed_after_it_fails_without_being_begun(hand, database):
    result = policies.soon.enqueue()
    database.execute(LATE)
    (outcome,) = hand.work()
    result.refresh()
    assert (outcome.state, result.status) == (State.FAILED, TaskResultStatus.FAILED)
    assert [error.exception_class for error in result.errors] == [Expired]
    assert "it was to begin before 20" in result.errors[0].traceback


def test_what_nobody_claims_ends_too(database, jobs, caplog):
    late = policies.soon.enqueue()
    scheduled = policies.soon.using(run_after=timedelta(days=1)).enqueue()
    database.execute(LATE)
    policies.soon.enqueue()
    with caplog.at_level(logging.WARNING):
        assert scheduler.expire(database) == 2
    assert "2 job(s) expired before they began" in caplog.text
    for result in (late, scheduled):
        result.refresh()
        assert (result.status, result.attempts, result.worker_ids) == (TaskResultStatus.FAILED, 0, [])
        assert [error.exception_class for error in result.errors] == [Expired]
        assert (result.started_at, result.last_attempted_at) == (None, None)
        assert result.finished_at is not None
    assert len(jobs()) == 1
    assert scheduler.expire(database) == 0


def test_what_runs_is_not_ended_by_it(hand, database):
    result = policies.soon.using(expires=timedelta(minutes=1)).enqueue()
    claimed = hand.claim()
    database.execute(LATE)
    assert scheduler.expire(database) == 0
    hand.finish(*claimed)
    result.refresh()
    assert result.return_value == "in time"


def test_it_counts_from_the_enqueue_in_a_transaction_too(database, jobs):
    with transaction.atomic():
        policies.soon.enqueue()
    (job,) = jobs()
    assert job["expires_at"] == job["enqueued_at"] + timedelta(seconds=1)
