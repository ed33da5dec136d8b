"""What is announced is heard: at commit, and whatever the connection that listens is doing meanwhile."""

import os
import threading
import time
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from django.db import transaction

from django_tandem.queue import claim, fence, lease
from django_tandem.queue.listen import FENCE, Ear
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.waiting import until

NOTHING = ([], set())


@pytest.fixture
def ear(others):
    ear = Ear(others("ear"))
    yield ear
    os.close(ear.wake_read)
    os.close(ear.wake_write)


def test_an_enqueued_job_is_announced_with_its_queue_its_due_and_its_priority(ear, jobs):
    shared.nothing.using(queue_name="a queue", priority=5).enqueue()
    heard = ear.wait(5)
    assert heard == ([("a queue", jobs()[0]["due"], 5)], set())
    assert ear.wait(0) == NOTHING


def test_it_is_announced_at_commit_and_not_before(ear):
    with transaction.atomic():
        shared.nothing.enqueue()
        task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 3)
        assert ear.wait(0.1) == NOTHING
    assert len(ear.wait(5)[0]) == 1
    with transaction.atomic():
        shared.nothing.enqueue()
        transaction.set_rollback(True)
    assert ear.wait(0.1) == NOTHING


def test_of_many_the_earliest_due_and_the_highest_priority_of_each_queue_are_heard(ear, jobs):
    with transaction.atomic():
        for queue, priority in (("a", 1), ("b", 0), ("a", 9), ("b", -9), ("a", 3)):
            shared.nothing.using(queue_name=queue, priority=priority).enqueue()
    ready, _ = ear.wait(5)
    dues = {job["priority"]: job["due"] for job in jobs()}
    assert sorted(ready) == [("a", dues[9], 9), ("b", dues[0], 0)]


def test_a_job_for_later_is_not_announced(ear):
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    shared.nothing.using(run_after=later).enqueue()
    task_backends["default"].enqueue_many(shared.nothing.using(run_after=later), [((), {})])
    assert ear.wait(0.1) == NOTHING


def test_the_due_of_a_strict_queue_is_heard_to_the_microsecond(ear, jobs, settings):
    settings.TASKS = {
        "default": {
            "BACKEND": "django_tandem.queue.backend.TandemBackend",
            "QUEUES": [],
            "OPTIONS": {"strict": ["urgent"]},
        }
    }
    for priority in (100, 99, 98, -98, -99, -100):
        shared.nothing.using(queue_name="urgent", priority=priority).enqueue()
        assert ear.wait(5) == ([("urgent", jobs()[-1]["due"], priority)], set())


def test_what_is_announced_while_a_statement_runs_is_heard_after_it(ear, others):
    speaker = others()

    def speak():
        speaker.execute("SELECT pg_notify('tandem_ready', 'default 1700000000.5 -3'), pg_notify('tandem_fence', 'r2')")

    timer = threading.Timer(0.1, speak)
    timer.start()
    ear.connection.execute("SELECT pg_sleep(0.4)")
    timer.join()
    assert ear.wait(5) == ([("default", datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=timezone.utc), -3)], {FENCE})
    assert ear.wait(0) == NOTHING


@pytest.mark.parametrize("way", ["release", "strays", "put_back"])
def test_a_job_that_comes_back_is_announced(ear, hand, jobs, way):
    shared.nothing.enqueue()
    (job,) = hand.claim()
    ear.wait(5)
    {
        "release": lambda: claim.release(hand.connection, hand.owner, [job]),
        "strays": lambda: claim.return_strays(hand.connection, hand.owner, []),
        "put_back": lambda: lease.put_back(hand.connection, *hand.owner, begun=[job.id]),
    }[way]()
    assert ear.wait(5) == ([("default", job.due, 0)], set())
    assert jobs()[0]["due"] == job.due


def test_a_fence_that_moves_is_heard(ear, database):
    fence.activate(database, "next")
    assert ear.wait(5) == ([], {FENCE})
    fence.activate(database, "next")  # it does not move
    assert ear.wait(0.1) == NOTHING


def test_a_wake_up_ends_the_wait_from_any_thread_and_is_taken_once(ear):
    began = time.monotonic()
    timer = threading.Timer(0.05, ear.wake)
    timer.start()
    assert ear.wait(30) == NOTHING
    assert time.monotonic() - began < 10
    timer.join()
    for wait in (ear.pause, ear.wait):
        for _ in range(100_000):  # more than the pipe holds
            ear.wake()
        wait(30)
        began = time.monotonic()
        wait(0.05)
        assert time.monotonic() - began >= 0.05


def test_a_broken_connection_raises_and_another_is_listened_on(ear, others, database):
    database.execute("SELECT pg_terminate_backend(%s::integer)", [ear.connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        until(lambda: not ear.wait(5))
    ear.listen(others("ear again"))
    shared.nothing.enqueue()
    assert len(ear.wait(5)[0]) == 1
