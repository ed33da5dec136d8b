"""Under pressure slots close to jobs of low priority, the lowest first, and open again."""

import pytest

from django_tandem.queue import control, pressure
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.lane import Usual
from django_tandem.queue.passed import LOOK, LOOKS
from django_tandem.queue.priority import LOWEST
from django_tandem.queue.tasks_api import task_backends
from django_tandem.queue.yielding import USUAL
from tests import jobs as shared
from tests.integration.queue import tasks
from tests.integration.queue.conftest import state_of
from tests.integration.queue.test_reserve import blocks_read
from tests.waiting import until

THREADS = 4


@pytest.fixture
def press(database):
    """Let the role yield by a level."""
    return lambda level, role="async": pressure.tell(database, role, level, "the test says so")


@pytest.fixture
def start(start_worker):
    """A worker of the role, which has all slots of its server."""

    def start(threads=THREADS, **options):
        return start_worker(**{"threads": threads, "yielding": ["async", [threads], 0], **options})

    return start


@pytest.fixture
def flood(running):
    """Long jobs of a priority; how many of them run now."""

    def flood(priority, count=2 * THREADS, task=tasks.wait_for):
        paths = [running(task.using(priority=priority)) for _ in range(count)]
        return lambda: sum(path.exists() for path in paths)

    return flood


def is_quiet(worker, running_now, most):
    """It has looked again, and begun no more than so many."""
    urgent = shared.nothing.using(priority=100)
    for _ in range(3):
        result = urgent.enqueue()
        until(lambda result=result: result.refresh() or result.is_finished)
    return running_now() <= most


def test_jobs_of_negative_priority_keep_one_slot_and_the_others_begin_usual_ones(start, press, flood):
    press(2)
    worker = start()
    negative = flood(-5)
    until(lambda: negative() == 1)
    assert is_quiet(worker, negative, 1)
    usual = flood(0)
    until(lambda: usual() == THREADS - 1)
    assert negative() == 1


def test_then_usual_ones_yield_too_and_urgent_ones_never(start, press, flood):
    press(4)
    worker = start()
    usual = flood(0)
    until(lambda: usual() == 1)
    assert is_quiet(worker, usual, 1)
    urgent = flood(1, THREADS - 1)
    until(lambda: urgent() == THREADS - 1)


def test_half_of_the_slots_close_before_all_but_one(start, press, flood):
    press(3)
    worker = start()
    negative = flood(-5)
    until(lambda: negative() == 1)
    usual = flood(0)
    until(lambda: usual() == 1)
    assert is_quiet(worker, usual, 1)
    assert negative() == 1


def test_slots_open_again_when_it_is_over(start, press, flood):
    press(2)
    worker = start().says("yields, level 2: the test says so")
    negative = flood(-5)
    until(lambda: negative() == 1)
    press(0)
    until(lambda: negative() == THREADS)
    worker.says("yields no more")


def test_slots_open_by_themselves_when_nobody_renews_the_level(start, press, flood, database):
    press(4)
    start()
    usual = flood(0)
    until(lambda: usual() == 1)
    database.execute("UPDATE tandem_pressure SET expires_at = clock_timestamp() + interval '1 second'")
    until(lambda: usual() == THREADS)


def test_what_runs_goes_on_and_what_is_told_while_a_worker_runs_acts_at_once(start, press, flood):
    worker = start()
    negative = flood(-5, THREADS)
    until(lambda: negative() == THREADS)
    press(2)
    worker.says("yields, level 2")
    assert negative() == THREADS


def test_another_roles_pressure_is_not_ones_own(start, press, flood):
    press(4, role="reports")
    start()
    usual = flood(0)
    until(lambda: usual() == THREADS)


def test_coroutines_yield_in_proportion(start, press, flood):
    press(4)
    worker = start(threads=2, coroutines=8)
    usual = flood(0, 10, tasks.await_for)
    until(lambda: usual() >= 4)
    assert is_quiet(worker, usual, 5)  # half of those for coroutines, and the thread that is open
    urgent = flood(1, 4, tasks.await_for)
    until(lambda: urgent() == 4)


def test_a_server_of_one_slot_closes_none(start, press, finished):
    press(4)
    start(threads=1)
    shared.add.using(priority=-100).enqueue(1)
    shared.add.enqueue(1)
    finished(2)


def test_closed_slots_and_reserved_ones_stand_beside_each_other(start, press, flood):
    press(4)
    start(threads=3, reserve=[1, 50], yielding=["async", [2], 0])
    urgent = flood(50, 3)
    until(lambda: urgent() == 3)


def test_all_that_yielded_is_done_in_the_end(start, press, finished):
    """Through all levels, up and down, while jobs of every kind come."""
    start()
    priorities = (-100, -1, 0, 1, 100)
    for level in (0, 1, 2, 3, 4, 2, 0):
        press(level)
        for priority in priorities:
            task_backends["default"].enqueue_many(shared.nothing.using(priority=priority), [((), {})] * 20)
    rows = finished(7 * len(priorities) * 20)
    assert {row["attempt"] for row in rows.values()} == {1}


def usual(hand, lane, count=1):
    return lane.claim(hand.connection, hand.owner, 1, Horizons(["default"]), count, before=None, least=LOWEST)


@pytest.fixture
def lane():
    return Usual(1, USUAL, ["default"], None)


def test_usual_jobs_are_found_behind_a_backlog_that_yields_look_by_look(hand, lane):
    many = task_backends["default"].enqueue_many
    many(shared.nothing.using(priority=-1), [((), {})] * (LOOK * LOOKS + 500))
    hand.connection.execute("UPDATE tandem_job SET due = due - interval '1 hour'")
    late = [shared.add.enqueue(number) for number in range(3)]
    assert usual(hand, lane) == []
    assert lane.has_more
    assert [str(job.id) for job in usual(hand, lane, 2)] == [one.id for one in late[:2]]
    assert [str(job.id) for job in usual(hand, lane, 9)] == [late[2].id]
    assert not lane.has_more


def test_urgent_ones_are_found_at_once_and_in_the_order_of_due(hand, lane):
    task_backends["default"].enqueue_many(shared.nothing.using(priority=-1), [((), {})] * (LOOK * LOOKS + 1))
    hand.connection.execute("UPDATE tandem_job SET due = due - interval '1 hour'")
    for priority in (0, 1, 0, 9):
        shared.add.using(priority=priority).enqueue(1)
    assert [job.priority for job in usual(hand, lane, 4)] == [9, 1]
    assert [job.priority for job in usual(hand, lane, 4)] == [0, 0]


def test_once_passed_a_backlog_costs_nothing_more(hand, lane, database):
    database.execute("TRUNCATE tandem_job")  # no row versions of earlier tests
    task_backends["default"].enqueue_many(shared.nothing.using(priority=-1), [((), {})] * 20_000)
    hand.connection.execute("UPDATE tandem_job SET due = due - interval '1 hour'")
    while usual(hand, lane) == [] and lane.has_more:
        pass
    shared.add.enqueue(1)
    with database.transaction():
        before = blocks_read(database)
        assert len(usual(hand, lane)) == 1
        assert 0 < blocks_read(database) - before < 3 * LOOK


def test_no_job_of_a_paused_task_is_begun_by_a_closed_slot(start, press, finished, jobs):
    press(2)
    control.pause("task", shared.add.module_path, by="Ada")
    start().says("active")
    for _ in range(THREADS):
        shared.add.enqueue(1)
    other = shared.nothing.enqueue()
    assert set(finished(1)) == {other.id}
    until(lambda: state_of(jobs) == [("PAUSED", 0)] * THREADS)
    control.resume("task", shared.add.module_path)
    finished(1 + THREADS)


def test_a_level_that_is_told_again_stands_since_it_came_and_one_that_lapsed_was_none(database, press):
    press(2)
    database.execute("UPDATE tandem_pressure SET changed_at = changed_at - interval '40 seconds'")
    press(2)
    ((role, stands),) = pressure.standing(database).items()
    assert (role, stands.level, 40 <= stands.for_s < 70) == ("async", 2, True)
    assert pressure.read(database, "async") == (2, "the test says so")
    press(3)
    assert pressure.standing(database)["async"].for_s < 30
    database.execute("UPDATE tandem_pressure SET expires_at = clock_timestamp() - interval '50 seconds'")
    assert pressure.read(database, "async") == pressure.NONE
    lapsed = pressure.standing(database)["async"]
    assert (lapsed.level, 50 <= lapsed.for_s < 80) == (0, True)
    press(3)
    assert pressure.standing(database)["async"].for_s < 30
