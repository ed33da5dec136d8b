"""Slots that are kept for urgent work: long jobs of lower priority never hold them."""

import pytest

from django_tandem.queue import control
from django_tandem.queue.claim import claim
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import tasks
from tests.integration.queue.conftest import state_of
from tests.waiting import until

FLOOD = 10


@pytest.fixture
def flood(running):
    """Long jobs of priority 0, and one of 49, before anything else; how many of them run now."""
    paths = [running(tasks.wait_for.using(priority=priority)) for priority in (0,) * (FLOOD - 1) + (49,)]
    return lambda: sum(path.exists() for path in paths)


def test_long_jobs_hold_only_the_slots_that_are_not_reserved(start_worker, flood, finished):
    start_worker(threads=3, reserve=[1, 50])
    until(lambda: flood() == 2)
    urgent = [shared.add.using(priority=priority).enqueue(1) for priority in (50, 100, 50)]
    assert set(finished(3)) == {one.id for one in urgent}
    assert flood() == 2


def test_an_urgent_job_that_waits_is_begun_when_the_reserved_slot_is_free(start_worker, running, flood, finished):
    start_worker(threads=2, reserve=[1, 50])
    until(lambda: flood() == 1)
    first = running(tasks.wait_for.using(priority=60))
    until(first.exists)
    second = shared.add.using(priority=50).enqueue(1)
    first.unlink()
    assert second.id in finished(2)
    assert flood() == 1


def test_reserved_slots_begin_urgent_jobs_in_the_order_in_which_they_are_due(start_worker, finished):
    for priority in (1, 100, 51, 99, 2, 50):
        shared.add.using(priority=priority).enqueue(priority)
    start_worker(threads=1, reserve=[1, 1])
    rows = sorted(finished(6).values(), key=lambda row: row["started_at"])
    assert [row["priority"] for row in rows] == [100, 99, 51, 50, 2, 1]


def test_what_is_urgent_uses_all_slots(start_worker, running):
    paths = [running(tasks.wait_for.using(priority=80)) for _ in range(3)]
    start_worker(threads=3, reserve=[1, 50])
    until(lambda: all(path.exists() for path in paths))


def test_a_process_of_reserved_slots_only_leaves_other_jobs_to_others(start_worker, flood, finished, jobs):
    start_worker(threads=1, reserve=[1, 50])
    for _ in range(3):
        shared.add.using(priority=50).enqueue(1)
    finished(3)
    assert state_of(jobs) == [("READY", 0)] * FLOOD
    assert flood() == 0


def test_a_coroutine_that_is_urgent_begins_too(start_worker, flood, finished):
    start_worker(threads=2, coroutines=0, reserve=[1, 50])
    until(lambda: flood() == 1)
    urgent = tasks.aecho.using(priority=50).enqueue(1)
    assert urgent.id in finished(1)


def test_a_pause_holds_for_reserved_slots(start_worker, flood, finished, jobs):
    control.pause("task", shared.add.module_path, by="Ada")
    start_worker(threads=2, reserve=[1, 50]).says("active")
    until(lambda: flood() == 1)
    paused = shared.add.using(priority=50).enqueue(1)
    other = shared.nothing.using(priority=50).enqueue()
    assert set(finished(1)) == {other.id}
    until(lambda: state_of(jobs)[-1] == ("PAUSED", 0))
    control.resume("task", shared.add.module_path)
    assert paused.id in finished(2)


def reserved(hand, count=1, least=50, horizons=None):
    return claim(hand.connection, hand.owner, 1, horizons or Horizons(["default"]), count, least=least)


def test_a_claim_of_at_least_a_priority_takes_those_in_the_order_of_due(hand):
    for priority in (100, 0, 49, 70, 50, 99):
        shared.add.using(priority=priority).enqueue(priority)
    assert [job.priority for job in reserved(hand, 3)] == [100, 99, 70]
    assert [job.priority for job in reserved(hand, 3)] == [50]
    assert [job.priority for job in hand.claim(3)] == [49, 0]


def test_such_a_claim_reads_no_job_below_the_priority(hand, database):
    """Nor the versions of claimed ones, where its horizon is above them."""
    database.execute("TRUNCATE tandem_job")  # no row versions of earlier tests
    many = task_backends["default"].enqueue_many
    many(shared.nothing.using(priority=49), [((), {})] * 20_000)
    many(shared.nothing.using(priority=50), [((), {})] * 3_000)
    horizons = Horizons(["default"])
    assert len(reserved(hand, 3_000, horizons=horizons)) == 3_000
    shared.nothing.using(priority=50).enqueue()
    with database.transaction():
        before = blocks_read(database)
        assert [job.priority for job in reserved(hand, horizons=horizons)] == [50]
        assert 0 < blocks_read(database) - before < 500
    assert reserved(hand, horizons=horizons) == []


def blocks_read(database):
    """Of the table and its indexes, by this session in its open transaction: not by autovacuum."""
    row = database.execute(
        "SELECT sum(pg_stat_get_xact_blocks_fetched(oid)) FROM pg_class WHERE oid = 'tandem_job'::regclass "
        "OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'tandem_job'::regclass)"
    ).fetchone()
    return row[0]
