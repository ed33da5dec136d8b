"""Beside a transaction that stays open, and keeps all that dies, nobody walks over it again and again; and what nobody
announced is found all the same. PostgreSQL counts what is walked over: entries of an index that a scan has read."""

import time
from datetime import timedelta

import psycopg
import pytest

from django_tandem.queue import claim, control, lease, scheduler, sweep
from django_tandem.queue.control import Jobs
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.sweep import RESCAN_S
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared

DEAD = 50_000
# What a slice has at most where an entry takes a microsecond, and what its neighbours may add.
FEW = round(2 * sweep.SLICE_S * 1_000_000)
SECOND = timedelta(seconds=1)

INSERT = """
    INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, due, enqueued_at)
    SELECT 'default', 'tests.jobs.nothing', '[[],{}]', 'default', 50, 1,
        now() - interval '500 s' - s * interval '1 ms', now()
    FROM generate_series(%s, 1, -1) AS s"""


class Clock:
    """That of the machine, and what a test adds to it."""

    more = 0.0

    def __call__(self):
        return time.monotonic() + self.more


@pytest.fixture
def clock():
    return Clock()


class Reading(Clock):
    """A clock that only walking over entries of an index moves on: a microsecond each, on whatever machine."""

    def __init__(self, so_far):
        self.so_far = so_far

    def __call__(self):
        return self.more + self.so_far() / 1_000_000


@pytest.fixture
def held(database):
    """A transaction of another that stays open."""
    with psycopg.connect(database.info.dsn, password=database.info.password or None) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT pg_current_xact_id()")
        yield


@pytest.fixture
def dead(held, database):
    """So many jobs of priority 50 became ready over the last minutes, and are gone."""
    database.execute(INSERT, [DEAD])
    database.execute("DELETE FROM tandem_job")


@pytest.fixture
def finished(held, hand, database):
    """This worker has run two thousand jobs since."""
    database.execute(INSERT, [2_000])
    claimed = "UPDATE tandem_job SET state = 2, server = %s, worker = %s, attempt = 1, claimed_at = now()"
    database.execute(claimed, hand.owner)
    database.execute("DELETE FROM tandem_job")


@pytest.fixture
def so_far(database):
    """How many entries of an index were read."""

    def so_far(index):
        database.execute("SELECT pg_stat_force_next_flush()")
        query = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = %s"
        return database.execute(query, [index]).fetchone()[0]

    return so_far


@pytest.fixture
def walked(so_far):
    """How many entries of an index are read in a call; and what it returns."""

    def walked(index, call):
        before = so_far(index)
        returned = call()
        return so_far(index) - before, returned

    return walked


@pytest.mark.parametrize(("index", "least"), [("tandem_job_ready", claim.LOWEST), ("tandem_job_urgent", 50)])
def test_a_claim_walks_over_a_slice_of_what_has_died_and_not_over_all(dead, hand, walked, so_far, index, least):
    clock = Reading(lambda: so_far(index))
    horizons = Horizons(["default"], clock)

    def take():
        return claim.claim(hand.connection, hand.owner, 1, horizons, 1, least=least)

    shared.nothing.using(priority=50).enqueue()
    first, jobs = walked(index, take)
    assert (first >= DEAD, len(jobs)) == (True, 1)
    seen = []
    while sum(seen) < 10 * DEAD:  # all was looked into, again and again
        clock.more += 60.0  # whatever a look has cost is earned
        shared.nothing.using(priority=50).enqueue()
        read, jobs = walked(index, take)
        assert len(jobs) == 1
        seen.append(read)
    assert max(seen[len(seen) // 2 :]) < FEW
    assert walked(index, take)[0] < FEW  # what was earned is spent
    read, jobs = walked(index, take)  # at once after another
    assert (read < 100, jobs) == (True, [])


@pytest.mark.parametrize("least", [claim.LOWEST, 50])
def test_what_becomes_ready_below_the_horizon_without_a_word_is_found(dead, hand, database, clock, least):
    horizons = Horizons(["default"], clock)
    shared.nothing.using(priority=50).enqueue()
    hidden = shared.nothing.using(priority=50).enqueue()
    database.execute("UPDATE tandem_job SET state = 0 WHERE id = %s", [int(hidden.id)])
    assert len(claim.claim(hand.connection, hand.owner, 1, horizons, 1, least=least)) == 1
    query = "UPDATE tandem_job SET state = 1, due = due - interval '50 s' WHERE id = %s"
    database.execute(query, [int(hidden.id)])
    assert claim.claim(hand.connection, hand.owner, 1, horizons, 1, least=least) == []
    for _ in range(1000):
        clock.more += RESCAN_S
        if jobs := claim.claim(hand.connection, hand.owner, 1, horizons, 1, least=least):
            break
    assert [str(job.id) for job in jobs] == [hidden.id]


def test_an_urgent_job_that_is_announced_is_found_by_itself(dead, hand, walked, clock):
    """Its due lies far below the horizon, and all that has died in between is not walked over for it."""
    horizons = Horizons(["default"], clock)

    def take(count=1):
        return claim.claim(hand.connection, hand.owner, 1, horizons, count)

    shared.nothing.using(priority=50).enqueue()
    assert len(take()) == 1
    clock.more += RESCAN_S
    assert take() == []  # what has died is known now
    urgent = [shared.nothing.using(priority=64).enqueue() for _ in range(2)]
    for job in hand.connection.execute("SELECT due FROM tandem_job WHERE state = 1 ORDER BY due").fetchall():
        horizons.announced("default", *job)
    read, jobs = walked("tandem_job_ready", lambda: take(2))
    assert [str(job.id) for job in jobs] == [one.id for one in urgent]
    assert read < 100


def test_of_jobs_with_the_same_due_those_that_were_claimed_are_not_walked_over(held, hand, database, walked):
    many = task_backends["default"].enqueue_many
    many(shared.nothing, [((), {})] * 5_000)
    horizons, seen = Horizons(["default"], lambda: 0.0), []
    for _ in range(25):
        read, jobs = walked("tandem_job_ready", lambda: claim.claim(hand.connection, hand.owner, 1, horizons, 200))
        assert len(jobs) == 200
        seen.append(read)
        database.execute("DELETE FROM tandem_job WHERE state + 0 = 2")
    assert max(seen[1:]) <= 2 * 200  # its own last batch, and the new one


def test_who_looks_for_what_is_cancelled_does_not_walk_over_what_ran(finished, hand, walked):
    shared.nothing.enqueue()
    (job,) = hand.claim()
    control.cancel(Jobs(ids=[job.id]), by="ada")
    read, found = walked("tandem_job_running", lambda: claim.cancelled(hand.connection, hand.owner))
    assert (read, found) == (0, {job.id: "ada"})


def test_a_rescuer_that_looks_for_silence_only_does_not_walk_over_what_ran(finished, hand, walked):
    assert walked("tandem_job_running", lambda: lease.rescue_silent(hand.connection))[0] >= 2_000
    read, returned = walked("tandem_job_running", lambda: lease.rescue_silent(hand.connection, ownerless=False))
    assert (read, returned) == (0, 0)


def test_what_was_promoted_before_is_not_walked_over_again(held, hand, database, walked):
    database.execute(
        "INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, due, enqueued_at)"
        " SELECT 'default', 'tests.jobs.nothing', '[[],{}]', 'default', 0, 0, now() - s * interval '1 ms', now()"
        " FROM generate_series(1, 3000) AS s"
    )
    (now,) = database.execute("SELECT clock_timestamp()").fetchone()
    while scheduler.promote(hand.connection):
        pass
    late = shared.nothing.using(run_after=now + SECOND).enqueue()
    database.execute("UPDATE tandem_job SET due = clock_timestamp() WHERE id = %s", [int(late.id)])
    read, promoted = walked("tandem_job_scheduled", lambda: scheduler.promote(hand.connection, now))
    assert (read < 10, promoted) == (True, 1)
    read, promoted = walked("tandem_job_scheduled", lambda: scheduler.promote(hand.connection))
    assert (read >= 3000, promoted) == (True, 0)
