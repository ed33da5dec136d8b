"""Scheduled jobs become ready when their time comes, and the partitions of the results are ahead of time."""

import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from psycopg import sql

from django_tandem.queue import scheduler
from django_tandem.queue.scheduler import PARTITION_DAYS_AHEAD, make_partitions, promote
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue.conftest import backends
from tests.waiting import until

BACKEND = "django_tandem.queue.backend.TandemBackend"
HOUR = timedelta(hours=1)


def now():
    return datetime.now(timezone.utc)


def partition(days=0):
    return f"tandem_result_{now() + timedelta(days=days):%Y%m%d}"


@pytest.fixture
def partitions(rows):
    return lambda: {
        row["relname"] for row in rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    }


@pytest.fixture
def without(database):
    """Take the partition of a day away."""

    def drop(*names):
        for name in names:
            database.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))

    return drop


@pytest.fixture
def scheduling(database):
    """The loop runs while the block does."""

    @contextmanager
    def scheduling():
        stop = threading.Event()
        loop = threading.Thread(target=scheduler.run, args=("default", stop))
        loop.start()
        try:
            yield
        finally:
            stop.set()
            loop.join(10)
        assert not loop.is_alive()
        until(lambda: not backends(database, "tandem scheduler"))

    return scheduling


def come(database, ago=timedelta(0)):
    """Let the time of all scheduled jobs come."""
    database.execute("UPDATE tandem_job SET due = now() - %s, run_after = now() - %s", [ago, ago])


def test_a_job_becomes_ready_when_its_time_has_come(database, hand, jobs):
    shared.nothing.using(run_after=now() + HOUR).enqueue()
    assert promote(database) == 0
    assert hand.claim() == []
    come(database)
    assert promote(database) == 1
    assert jobs()[0]["state"] == State.READY
    assert promote(database) == 0
    assert len(hand.work()) == 1


def test_its_due_counts_from_its_time_and_by_the_patience_of_its_queue(database, settings, jobs):
    options = {"patience": {"slow": 60}, "strict": ["urgent"]}
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": options}}
    expected = []
    for queue, level in (("default", 10), ("slow", 60), ("urgent", 3650 * 24 * 3600)):
        for priority in (-100, 0, 3, 100):
            shared.nothing.using(queue_name=queue, priority=priority, run_after=now() + HOUR).enqueue()
            expected.append(timedelta(seconds=priority * level))
    come(database, ago=HOUR)
    assert promote(database) == 12
    assert [job["run_after"] - job["due"] for job in jobs()] == expected


def test_what_falls_due_at_once_is_promoted_in_parts_the_earliest_first(database, jobs, monkeypatch):
    monkeypatch.setattr(scheduler, "BATCH", 2)
    for hours in (3, 1, 2):
        shared.nothing.using(run_after=now() + hours * HOUR).enqueue()
    database.execute("UPDATE tandem_job SET due = due - interval '1 day'")
    assert promote(database) == 2
    assert [job["state"] for job in jobs()] == [0, 1, 1]
    assert promote(database) == 1


def test_of_several_schedulers_one_promotes_a_job(database, others, jobs):
    shared.nothing.using(run_after=now() + HOUR, priority=50).enqueue()
    come(database)
    other = others()
    with database.transaction():
        assert promote(database) == 1
        other.execute("SET statement_timeout = '5s'")
        assert promote(other) == 0
    assert jobs()[0]["run_after"] - jobs()[0]["due"] == timedelta(seconds=500)


def test_partitions_are_made_for_today_and_the_coming_week_once(database, without, partitions):
    week = {partition(days) for days in range(PARTITION_DAYS_AHEAD + 1)}
    without(*week)
    assert set(make_partitions(database)) == week
    assert partitions() == {*week, "tandem_result_rest"}
    assert make_partitions(database) == []
    without(partition(3))
    assert make_partitions(database) == [partition(3)]


def test_a_day_whose_results_are_in_the_rest_gets_its_partition_and_they_move_there(hand, without, rows):
    for number in range(3):
        shared.add.enqueue(number)
    without(partition())
    hand.work(2)
    assert rows("SELECT count(*) FROM tandem_result_rest") == [{"count": 2}]
    assert make_partitions(hand.connection) == [partition()]
    hand.work(1)
    assert rows("SELECT count(*) FROM tandem_result_rest") == [{"count": 0}]
    found = rows("SELECT tableoid::regclass::text AS partition, arguments FROM tandem_result ORDER BY id")
    assert found == [{"partition": partition(), "arguments": f"[[{n}],{{}}]"} for n in range(3)]
    indexes = rows("SELECT indexdef FROM pg_indexes WHERE tablename = %s", partition())
    told = {index["indexdef"].partition(" USING ")[2] for index in indexes}
    assert told == {"btree (id)", "btree (id) WHERE (state = 4)"}


def test_results_of_a_day_that_has_passed_leave_the_rest_as_well(hand, without, rows, results):
    shared.add.enqueue(1)
    hand.work()
    hand.connection.execute("UPDATE tandem_result SET finished_at = finished_at - interval '40 days'")
    assert rows("SELECT count(*) FROM tandem_result_rest") == [{"count": 1}]
    assert make_partitions(hand.connection) == [partition(-40)]
    assert rows("SELECT count(*) FROM tandem_result_rest") == [{"count": 0}]
    assert len(results()) == 1
    without(partition(-40))


def test_who_reads_results_for_long_keeps_no_job_from_becoming_ready(
    database, hand, others, without, partitions, jobs, scheduling, monkeypatch, caplog
):
    monkeypatch.setattr(scheduler, "LOCK_TIMEOUT", "100ms")
    without(partition())
    reader = others()
    with reader.transaction():
        reader.execute("SELECT count(*) FROM tandem_result")
        with scheduling():
            for count in (1, 2):
                shared.nothing.using(run_after=now() + HOUR).enqueue()
                come(database)
                until(lambda count=count: [job["state"] for job in jobs()] == [State.READY] * count)
                until(lambda: "scheduler: LockNotAvailable" in caplog.text)
            assert partition() not in partitions()
            assert caplog.text.count("scheduler: LockNotAvailable") == 1  # it is tried again after a while
            hand.work(2)


def test_several_schedulers_that_make_partitions_at_once_make_each_once(database, others, without, partitions):
    week = {partition(days) for days in range(PARTITION_DAYS_AHEAD + 1)}
    without(*week)
    connections, made, errors, start = [others() for _ in range(4)], [], [], threading.Barrier(4)

    def make(connection):
        start.wait()
        try:
            made.extend(make_partitions(connection))
        except Exception as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=make, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(made) == sorted(week)
    assert week < partitions()


def test_the_loop_makes_partitions_and_promotes_until_told_to_stop(
    database, hand, without, partitions, jobs, scheduling
):
    shared.add.enqueue(1)
    without(partition())
    hand.work()  # before the first scheduler: its result is in the rest
    shared.nothing.using(run_after=now() + timedelta(seconds=0.5)).enqueue()
    assert [job["state"] for job in jobs()] == [State.SCHEDULED]
    with scheduling():
        until(lambda: partition() in partitions())
        until(lambda: [job["state"] for job in jobs()] == [State.READY])
        assert jobs()[0]["run_after"] <= now()


def test_days_older_than_the_retention_are_dropped_with_their_results_and_no_others(database, partitions, settings):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"retention_days": 7}}}
    for days in (-9, -8, -7, -1):
        scheduler._make_partition(database, partition(days), (now() + timedelta(days=days)).date())
    assert scheduler.drop_partitions(database) == [partition(-9), partition(-8)]
    assert {partition(-7), partition(-1), partition(), partition(7)} < partitions()
    assert not {partition(-9), partition(-8)} & partitions()
    assert scheduler.drop_partitions(database) == []
    for days in (-7, -1):
        database.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition(days))))
