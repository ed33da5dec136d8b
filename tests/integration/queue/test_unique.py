"""Unique jobs: of a key only one is unfinished; the second is dropped, replaces the first, or is an error."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction

from django_tandem.errors import AlreadyEnqueued, InvalidJob
from django_tandem.queue import control
from django_tandem.queue.arguments import load_arguments
from django_tandem.queue.control import Jobs
from django_tandem.queue.tasks_api import task_backends, task_enqueued
from tests.integration.queue import policies

pytestmark = pytest.mark.usefixtures("database")


def test_a_second_is_dropped_and_its_enqueuer_gets_the_first(hand, jobs):
    first = policies.score.enqueue(7)
    second, other = policies.score.enqueue(7, note="again"), policies.score.enqueue(8)
    assert second.id == first.id != other.id
    assert second.enqueued_at == first.enqueued_at
    assert second.kwargs == {}
    assert len(jobs()) == 2
    hand.work(2)
    assert policies.score.enqueue(7).id != first.id


def test_no_signal_is_sent_for_what_was_dropped():
    heard = []

    def hear(task_result, **_):
        heard.append(task_result.id)

    task_enqueued.connect(hear)
    try:
        first = policies.score.enqueue(7)
        policies.score.enqueue(7)
    finally:
        task_enqueued.disconnect(hear)
    assert heard == [first.id]


def test_it_stays_the_only_one_while_it_runs_and_while_it_waits_for_its_retry(hand):
    first = policies.score.enqueue(7)
    claimed = hand.claim()
    assert policies.score.enqueue(7).id == first.id
    hand.finish(*claimed)
    assert policies.score.enqueue(7).id != first.id


def test_a_second_is_an_error_that_names_the_first(jobs):
    first = policies.score_once.enqueue(7, note="x")
    with pytest.raises(AlreadyEnqueued, match=f"job {first.id} has the same unique key, and has not finished"):
        policies.score_once.enqueue(7, note="x")
    policies.score_once.enqueue(7, note="y")
    assert len(jobs()) == 2


def test_a_second_replaces_a_first_that_waits(jobs):
    first = policies.score_last.enqueue(7, note="old")
    second = policies.score_last.using(priority=9, queue_name="other").enqueue(7, note="new")
    assert second.id == first.id
    (job,) = jobs()
    assert load_arguments(job["arguments"]) == ([7], {"note": "new"})
    assert (job["priority"], job["queue"]) == (9, "other")
    assert job["due"] == job["enqueued_at"] - timedelta(seconds=90)
    policies.score_last.using(run_after=timedelta(hours=1)).enqueue(7)
    assert [one["state"] for one in jobs()] == [0]


def test_a_first_that_has_been_claimed_is_not_replaced(hand, jobs):
    first = policies.score_last.enqueue(7, note="old")
    claimed = hand.claim()
    second = policies.score_last.enqueue(7, note="new")
    assert second.id != first.id
    hand.finish(*claimed)
    first.refresh()
    assert first.return_value == [7, "old"]
    assert [str(job["id"]) for job in jobs()] == [second.id]


def test_a_replaced_job_of_a_paused_task_stays_paused(database, jobs):
    first = policies.score_last.enqueue(7)
    control.pause("task", first.task.module_path, by="Ada")
    policies.score_last.enqueue(7, note="new")
    assert [job["state"] for job in jobs()] == [6]


def test_a_cancelled_job_makes_way():
    first = policies.score.enqueue(7)
    control.cancel(Jobs(ids=[int(first.id)]), by="Ada")
    assert policies.score.enqueue(7).id != first.id


def test_what_was_rolled_back_was_never_there(jobs):
    with transaction.atomic():
        policies.score.enqueue(7)
        transaction.set_rollback(True)
    policies.score.enqueue(7)
    assert len(jobs()) == 1


def test_of_many_at_the_same_time_one_is_enqueued(jobs):
    ids, go = [], threading.Barrier(8)

    def enqueue():
        go.wait()
        ids.extend([(number, policies.score.enqueue(number).id) for number in range(20)])
        connections.close_all()

    threads = [threading.Thread(target=enqueue) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(jobs()) == len(set(ids)) == 20


def test_a_key_that_cannot_be_made_is_refused_before_anything_is_written(jobs):
    with pytest.raises(InvalidJob, match=r"score_badly: its unique key cannot be made of these arguments: KeyError"):
        policies.score_badly.enqueue(1)
    with pytest.raises(InvalidJob, match="missing a required argument: 'borrower'"):
        policies.score.enqueue()
    assert jobs() == []


def test_unique_jobs_are_not_enqueued_as_a_stream():
    with pytest.raises(InvalidJob, match="it is unique; expected one job at a time"):
        task_backends["default"].enqueue_many(policies.score, [((1,), {})])
