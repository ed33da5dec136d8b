"""Limits: of a key at most so many jobs are ready or running, over all workers; what waits slows nobody."""

import os
import signal
import time

import pytest
from django.db import transaction

from django_tandem.queue import control, lease, limits, scheduler
from django_tandem.queue.control import Jobs
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus, task_backends
from tests import jobs as shared
from tests.integration.queue import policies
from tests.integration.queue.conftest import state_of
from tests.waiting import until


@pytest.fixture
def states(jobs):
    """The states of unfinished jobs, in the order of their ids."""
    return lambda: [State(job["state"]).name for job in jobs()]


def test_what_there_is_no_room_for_waits_outside_the_ready_index(hand, states):
    results = [policies.ask.enqueue(number) for number in range(4)]
    assert states() == ["READY", "READY", "LIMITED", "LIMITED"]
    results[3].refresh()
    assert results[3].status is TaskResultStatus.READY
    assert [str(job.id) for job in hand.claim(9)] == [results[0].id, results[1].id]


def test_when_one_ends_the_next_that_is_due_begins(hand, states, jobs):
    for number in range(4):
        policies.ask.enqueue(number)
    urgent = policies.ask.using(priority=100).enqueue(9)
    first, _ = hand.claim(9)
    hand.finish(first)
    assert states() == ["RUNNING", "LIMITED", "LIMITED", "READY"]
    assert str(jobs()[-1]["id"]) == urgent.id


def test_keys_do_not_know_each_other_and_tasks_share_them(hand, states):
    policies.ask_one.enqueue("north")
    policies.ask_one.enqueue("south")
    policies.ask_and_fail.enqueue("north")
    assert states() == ["READY", "READY", "LIMITED"]


def test_a_job_that_waits_for_its_retry_makes_room_and_waits_again(hand, states):
    policies.ask_and_fail.enqueue("north")
    policies.ask_one.enqueue("north")
    hand.work()
    assert states() == ["SCHEDULED", "READY"]
    scheduler.promote(hand.connection)
    assert states() == ["LIMITED", "READY"]
    hand.work()
    assert states() == ["READY"]


def test_a_scheduled_job_waits_for_room_when_its_time_comes(hand, states, database):
    policies.ask_one.enqueue("north")
    policies.ask_one.using(run_after=policies.timedelta(hours=1)).enqueue("north")
    database.execute("UPDATE tandem_job SET due = now() WHERE state = 0")
    scheduler.promote(database)
    limits.sweep(database, "")
    assert states() == ["READY", "LIMITED"]
    hand.work()
    assert states() == ["READY"]


def test_an_atomic_job_makes_room(hand, states):
    policies.ask_and_keep.enqueue("one")
    policies.ask_and_keep.enqueue("two")
    hand.work()
    assert states() == ["READY"]


def test_a_stream_of_them_is_limited(hand, states):
    task_backends["default"].enqueue_many(policies.ask_one, [((which,), {}) for which in "aabbc"])
    assert states() == ["READY", "LIMITED", "READY", "LIMITED", "READY"]


def test_inside_a_transaction_they_are_let_in_when_it_commits(database, states):
    with transaction.atomic():
        policies.ask_one.enqueue("north")
        assert states() == []
    assert states() == ["READY"]


def test_a_retried_job_is_limited_still(hand, states):
    result = policies.ask_and_fail.enqueue("north")
    hand.work()
    scheduler.promote(hand.connection)
    limits.sweep(hand.connection, "")
    hand.work()
    policies.ask_one.enqueue("north")
    control.retry(Jobs(ids=[int(result.id)]))
    limits.sweep(hand.connection, "")
    assert sorted(states()) == ["LIMITED", "READY"]


def test_a_paused_one_makes_room_and_waits_for_it_when_it_is_resumed(database, states, hand):
    path = policies.ask_one.module_path
    policies.ask_one.enqueue("north")
    policies.ask_and_fail.enqueue("north")
    control.pause("task", path, by="Ada")
    limits.sweep(database, "")
    assert states() == ["PAUSED", "READY"]
    control.resume("task", path)
    limits.sweep(database, "")
    assert states() == ["LIMITED", "READY"]


def test_what_waits_can_be_cancelled(database, states):
    policies.ask_one.enqueue("north")
    policies.ask_one.enqueue("north")
    assert control.cancel(Jobs(state=State.LIMITED), by="Ada").ended == 1
    assert states() == ["READY"]


def test_a_job_whose_worker_died_still_counts(hand, states, server):
    policies.ask_one.enqueue("north")
    policies.ask_one.enqueue("north")
    (job,) = hand.claim()
    lease.put_back(hand.connection, server, hand.owner.worker, [job.id])
    limits.sweep(hand.connection, "")
    assert states() == ["READY", "LIMITED"]


def test_the_scheduler_lets_in_what_nobody_else_has_and_goes_on_where_it_stopped(database, states, monkeypatch):
    monkeypatch.setattr(limits, "KEYS_A_TURN", 2)
    for which in "abcde":
        policies.ask_one.enqueue(which)
    database.execute("UPDATE tandem_job SET state = 5")
    after, turns = "", 0
    while "LIMITED" in states():
        after, turns = limits.sweep(database, after), turns + 1
    assert (turns, states()) == (3, ["READY"] * 5)


def test_a_hundred_workers_threads_never_run_more_at_once(start_worker, tmp_path, finished):
    for number in range(60):
        policies.count_together.enqueue(str(tmp_path), number)
    for _ in range(3):
        start_worker(threads=5)
    rows = finished(60)
    beside = [int(row["return_value"]) for row in rows.values()]
    assert max(beside) <= 3
    assert max(beside) > 1


def test_a_killed_workers_place_is_not_lost(start_worker, tmp_path, finished, jobs):
    path = tmp_path / "running"
    policies.ask_one.enqueue("north", str(path))
    after = policies.ask_one.enqueue("north")
    start_worker(supervised=True, threads=2)
    killed = until(lambda: path.exists() and path.read_text())
    os.kill(int(killed), signal.SIGKILL)
    until(lambda: path.read_text() not in (killed, ""))
    assert state_of(jobs) == [("RUNNING", 2), ("LIMITED", 0)]
    path.unlink()
    assert after.id in finished(2)


def test_a_hundred_thousand_that_wait_slow_no_claim(hand, database):
    """A claim that walked over them would take a hundred times as long; that it does not is measured elsewhere."""
    task_backends["default"].enqueue_many(policies.ask, [((number,), {}) for number in range(100_000)])
    hand.claim(9)
    other = shared.nothing.enqueue()
    began = time.monotonic()
    assert [str(job.id) for job in hand.claim(9)] == [other.id]
    assert time.monotonic() - began < 1
    explain = "EXPLAIN ANALYZE SELECT id FROM tandem_job WHERE state = 1 AND queue = 'default' ORDER BY queue, due, id"
    plan = "\n".join(line for (line,) in database.execute(explain.encode()))
    assert "tandem_job_ready" in plan
    assert "rows=0" in plan
