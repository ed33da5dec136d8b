"""What a worker has in hand: held in due order, overtaken by the urgent, given back when its turn does not come."""

import time

import pytest
from django.db import connection, transaction

from django_tandem.queue.intake import Intake
from django_tandem.queue.priority import NO_RESERVE
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue.conftest import state_of
from tests.waiting import until


def is_within(seconds, condition):
    """Whether `condition()` becomes true in this time."""
    deadline = time.monotonic() + seconds
    return bool(until(lambda: condition() or time.monotonic() > deadline) and condition())


def test_an_urgent_job_is_begun_before_all_that_is_held(start_worker, finished, running, jobs):
    """What is held goes back after a tenth of a second, which makes way for the urgent as well, but later: so it is
    tried until it is seen that it need not."""

    def in_hand():
        return state_of(jobs).count(("RUNNING", 1))

    start_worker(threads=1)
    enqueue_many, done = task_backends["default"].enqueue_many, 0
    for _ in range(5):
        enqueue_many(shared.nothing, [((), {})] * 60)  # as jobs are short, many are held
        finished(done + 60)
        path = running()
        held = enqueue_many(shared.nothing, [((), {})] * 400)
        is_within(0.5, lambda: in_hand() > 100)
        urgent = shared.nothing.using(priority=100).enqueue()
        until(lambda: state_of(jobs)[-1] == ("RUNNING", 1) or in_hand() == 1)
        beside = in_hand() > 2
        path.unlink()
        done += 60 + 1 + 400 + 1
        rows = finished(done)
        assert rows[urgent.id]["started_at"] < min(rows[job]["started_at"] for job in held)
        if beside:
            return
    pytest.fail("it was never claimed beside what is held, but only when that had gone back")


def test_what_is_held_behind_a_long_job_goes_to_another_worker(start_worker, finished, running, jobs):
    path = running()
    held = [shared.add.enqueue(number) for number in range(5)]
    first = start_worker(threads=1)
    until(path.exists)
    second = start_worker(threads=1)
    rows = finished(5)
    assert {(rows[one.id]["worker"], rows[one.id]["attempt"]) for one in held} == {(second.pid, 1)}
    assert path.read_text() == str(first.pid)
    assert state_of(jobs) == [("RUNNING", 1)]


def test_what_is_held_behind_a_long_job_goes_back_soon_and_stays_there(start_worker, finished, running, rows):
    """Soon: much sooner than the worker looks by itself. Stays: or it would be taken and given back again and again."""

    def enqueue(count):
        """In one transaction; its number, which is that of the rows' first versions."""
        with transaction.atomic(), connection.cursor() as cursor:
            for _ in range(count):
                shared.nothing.enqueue()
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            return cursor.fetchone()[0]

    def waiting():
        return rows("SELECT id, xmin::text::bigint AS version, attempt FROM tandem_job WHERE state = 1 ORDER BY id")

    def given_back():
        return [(row["version"] > first, row["attempt"]) for row in waiting()] == [(True, 0)] * 3

    start_worker(threads=1).says("active")
    waited = []
    for turn in range(3):
        enqueue(60)  # as jobs are short, many are held
        finished(64 * turn + 60)
        path = running()
        until(path.exists)
        first, since = enqueue(3), time.monotonic()
        until(given_back)
        waited.append(time.monotonic() - since)
        if turn < 2:
            path.unlink()
            finished(64 * turn + 64)
    assert min(waited) < 0.5
    left, since = waiting(), time.monotonic()
    until(lambda: time.monotonic() - since > 1.2)  # the worker looks again meanwhile
    assert waiting() == left


def test_what_is_held_goes_back_at_once_when_something_is_paused(hand, jobs):
    """Not when it has become stale: until then a slot would begin it."""
    intake = Intake(hand.connection, hand.owner, ["default"], 1, NO_RESERVE)
    intake.epoch = 1
    ids = [shared.add.enqueue(number).id for number in range(2)]
    begun = intake.take(0)
    assert state_of(jobs) == [("RUNNING", 1)] * 2
    intake.pause(frozenset())
    assert [(str(job["id"]), job["state"], job["attempt"]) for job in jobs()] == [(ids[0], 2, 1), (ids[1], 1, 0)]
    assert str(begun.id) == ids[0]
