"""Claim takes the jobs that are due first, under the fence, and nobody else gets them."""

import threading
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_tandem.queue import claim, fence, scheduler
from django_tandem.queue.claim import POSTPONE
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.priority import DEFAULT_PATIENCE, LOWEST, STRICT_PATIENCE, head_start
from django_tandem.queue.states import State
from django_tandem.queue.sweep import EVER, FIRST, RESCAN_S
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import tasks
from tests.waiting import until

BACKEND = "django_tandem.queue.backend.TandemBackend"
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def insert(database):
    """Write jobs that are ready: (due, queue) each; their ids in this order."""

    def insert(*jobs):
        statement = """
            INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, due, enqueued_at)
            VALUES (%s, 'tests.jobs.nothing', '[[],{}]', 'default', 0, 1, %s, now()) RETURNING id"""
        return [database.execute(statement, [queue, due]).fetchone()[0] for due, queue in jobs]

    return insert


def ids(claimed):
    return [job.id for job in claimed]


def test_what_is_claimed_is_running_and_belongs_to_its_owner(hand, jobs):
    result = shared.add.using(priority=3, queue_name="q").enqueue(1, b=2)
    (claimed,) = hand.claim(5, queues=["q"])
    (row,) = jobs()
    assert (row["state"], row["server"], row["worker"], row["attempt"]) == (2, *hand.owner, 1)
    assert claimed._asdict() == {name: row[name] for name in claimed._fields}
    assert (str(claimed.id), claimed.task, claimed.arguments) == (result.id, "tests.jobs.add", '[[1],{"b":2}]')
    assert claimed.enqueued_at <= claimed.claimed_at
    assert claimed.claimed_at.utcoffset() == timedelta(0)
    assert hand.claim(5, queues=["q"]) == []


def test_jobs_are_claimed_in_order_of_due_and_id_and_no_more_than_asked_for(hand, insert):
    a, b, c, d, e = insert(*((NOON + n * SECOND, "default") for n in (3, 1, 2, 1, 3)))
    assert ids(hand.claim(2)) == [b, d]
    assert ids(hand.claim(2)) == [c, a]
    assert ids(hand.claim(2)) == [e]
    assert hand.claim(0) == []


def test_of_several_queues_the_earliest_due_goes_first_and_of_others_nothing(hand, insert):
    a, b, _, d = insert((NOON + SECOND, "a"), (NOON, "b"), (NOON - SECOND, "other"), (NOON + 2 * SECOND, "b"))
    assert ids(hand.claim(5, queues=["a", "b"])) == [b, a, d]
    assert hand.claim(5, queues=["a", "b"]) == []
    assert hand.claim(5, queues=[]) == []


def test_priority_overtakes_within_the_patience_of_the_queue_and_not_beyond(hand, database, settings):
    options = {"patience": {"q": 10}, "strict": ["strict"]}
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": options}}
    expected = {"q": ["old low", "young high", "young low"], "strict": ["young high", "old low", "young low"]}
    for queue, order in expected.items():
        for name, priority, waited in (("young low", 0, 0), ("young high", 5, 0), ("old low", 0, 60)):
            job = tasks.echo.using(queue_name=queue, priority=priority).enqueue(name)
            query = "UPDATE tandem_job SET due = due - make_interval(secs => %s::float8) WHERE id = %s"
            database.execute(query, [waited, int(job.id)])
        assert [job.arguments for job in hand.claim(5, queues=[queue])] == [f'[["{name}"],{{}}]' for name in order]


def test_jobs_for_later_and_running_ones_are_not_claimed(hand, other_hand, jobs):
    shared.nothing.using(run_after=datetime.now(timezone.utc) + timedelta(hours=1), priority=100).enqueue()
    shared.nothing.enqueue()
    assert len(other_hand.claim(5)) == 1
    assert hand.claim(5) == []


def test_what_one_transaction_has_claimed_the_next_passes_over_without_waiting(hand, other_hand, insert):
    first, second, third = insert(*((NOON + n * SECOND, "default") for n in range(3)))
    with hand.connection.transaction():
        assert ids(hand.claim(1)) == [first]
        other_hand.connection.execute("SET statement_timeout = '5s'")
        assert ids(other_hand.claim(1)) == [second]
        assert ids(hand.claim(5)) == [third]
    assert other_hand.claim(5) == []


def test_claimers_at_the_same_time_never_get_the_same_job(hand, others, jobs):
    task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 600)
    taken, connections = [], [others() for _ in range(4)]

    def take(connection):
        horizons = Horizons(["default"])
        while got := claim.claim(connection, hand.owner, 1, horizons, 7):
            taken.extend(ids(got))

    threads = [threading.Thread(target=take, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [job["id"] for job in jobs()]
    assert {job["attempt"] for job in jobs()} == {1}


def test_after_the_fence_has_moved_nothing_is_claimed(hand, database, jobs):
    shared.nothing.enqueue()
    epoch = fence.read(database).epoch
    fence.activate(database, "next")
    for stale in (epoch, epoch + 2, -1):
        assert claim.claim(database, hand.owner, stale, Horizons(["default"]), 5) == []
    assert (jobs()[0]["state"], jobs()[0]["attempt"]) == (1, 0)
    assert len(claim.claim(database, hand.owner, epoch + 1, Horizons(["default"]), 5)) == 1


def test_a_bound_above_takes_what_overtakes_and_leaves_the_rest(hand, insert):
    first, second, _ = insert(*((NOON + n * SECOND, "default") for n in range(3)))
    horizons = Horizons(["default"])
    claimed = claim.claim(hand.connection, hand.owner, 1, horizons, 5, before=NOON + 2 * SECOND)
    assert ids(claimed) == [first, second]
    assert horizons.now() == [FIRST]  # it says nothing of what lies beyond


def test_released_jobs_are_as_before(hand, other_hand, insert, jobs):
    insert((NOON, "default"), (NOON, "default"))
    before = jobs()
    first, second = hand.claim(2)
    claim.release(hand.connection, other_hand.owner, [first])  # not its own: nothing happens
    claim.release(hand.connection, hand.owner, [])
    assert {job["state"] for job in jobs()} == {State.RUNNING}
    claim.release(hand.connection, hand.owner, [first, second])
    assert jobs() == before
    assert [job.attempt for job in other_hand.claim(2)] == [1, 1]


def test_a_postponed_job_waits_and_its_attempt_does_not_count(hand, other_hand, jobs):
    shared.nothing.using(priority=9).enqueue()
    (job,) = hand.claim()
    claim.postpone(hand.connection, other_hand.owner, job)
    claim.postpone(hand.connection, hand.owner, job._replace(attempt=2))
    assert jobs()[0]["state"] == State.RUNNING
    claim.postpone(hand.connection, hand.owner, job)
    (row,) = jobs()
    assert (row["state"], row["attempt"], row["server"], row["claimed_at"]) == (State.SCHEDULED, 0, None, None)
    assert POSTPONE - SECOND < row["due"] - job.claimed_at < POSTPONE + 10 * SECOND


def test_strays_are_what_the_table_says_is_ours_and_we_do_not_have(hand, other_hand, insert, jobs):
    insert(*((NOON + n * SECOND, "default") for n in range(4)))
    held, stray = hand.claim(2)
    (foreign,) = other_hand.claim(1)
    claim.return_strays(hand.connection, hand.owner, {held.id})
    assert {job["id"]: (job["state"], job["attempt"]) for job in jobs()} == {
        held.id: (2, 1),
        stray.id: (1, 0),
        foreign.id: (2, 1),
        jobs()[3]["id"]: (1, 0),
    }


def test_an_earlier_due_that_is_announced_is_claimed_though_later_ones_were(hand, insert):
    horizons = Horizons(["default"], Clock())
    insert((NOON, "default"), (NOON + SECOND, "default"))
    hand.claim(1, horizons=horizons)
    hand.claim(1, horizons=horizons)
    (early,) = insert((NOON - SECOND, "default"))
    assert hand.claim(1, horizons=horizons) == []
    horizons.announced("default", NOON - SECOND)
    assert ids(hand.claim(1, horizons=horizons)) == [early]


def test_a_due_that_is_announced_while_a_claim_is_on_its_way_is_not_passed_over(hand, others, insert):
    horizons, blocking = Horizons(["default"], Clock()), others()
    insert((NOON, "default"))
    with blocking.transaction():
        blocking.execute("LOCK TABLE tandem_fence")  # which the claim reads
        claiming = threading.Thread(
            target=claim.claim, args=(hand.connection, hand.owner, 1, horizons, 1), name="claiming"
        )
        claiming.start()
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'tandem_fence'::regclass"
        until(lambda: blocking.execute(waits).fetchone())
        horizons.announced("default", NOON - SECOND)
    claiming.join()
    assert horizons.now() == [(NOON - SECOND, 0)]


def test_an_announcement_that_was_missed_costs_no_more_than_the_rescan_time(hand, insert):
    clock = Clock()
    horizons = Horizons(["default"], clock)
    insert((NOON, "default"))
    hand.claim(1, horizons=horizons)
    (early,) = insert((NOON - SECOND, "default"))
    clock.now += RESCAN_S - 0.01
    assert hand.claim(1, horizons=horizons) == []
    clock.now += 0.01
    assert ids(hand.claim(1, horizons=horizons)) == [early]


def test_a_horizon_follows_each_queue_and_hides_nothing_that_is_ready(hand, insert):
    horizons = Horizons(["a", "b"], Clock())
    written = insert(*((NOON + n * SECOND, "a") for n in range(6)), *((NOON + 10 * n * SECOND, "b") for n in range(6)))
    seen = []
    while got := hand.claim(1, queues=["a", "b"], horizons=horizons):
        seen += got
    assert [job.due for job in seen] == sorted(job.due for job in seen)
    assert sorted(ids(seen)) == written


levels = st.integers(-100, 100)
ready_at = st.integers(0, 200).map(lambda n: NOON + n * 10 * SECOND)  # so that ties are frequent


@given(
    st.lists(st.tuples(levels, ready_at), max_size=30),
    st.integers(1, 7),
    st.sampled_from([DEFAULT_PATIENCE, STRICT_PATIENCE]),
)
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_claim_is_that_of_ready_at_less_priority_times_patience(hand, insert, given_jobs, count, patience):
    hand.connection.execute("DELETE FROM tandem_job")
    dues = [ready - head_start(priority, patience) for priority, ready in given_jobs]
    written = insert(*((due, "default") for due in dues))
    horizons, claimed = Horizons(["default"], Clock()), []
    while got := hand.claim(count, horizons=horizons):
        claimed += ids(got)
    assert claimed == [job for _, job in sorted(zip(dues, written, strict=True))]


def test_a_claim_that_has_not_heard_of_a_resumption_does_not_claim_and_park_for_ever(hand, others, insert):
    """Whoever resumes, and the scheduler, make ready what it parks."""
    insert((NOON, "default"))
    resuming, stop, found = others(), threading.Event(), []

    def resume():
        while not stop.is_set():
            scheduler.unpark(resuming)

    def take():
        stale = frozenset({shared.nothing.module_path})
        while not found and not stop.is_set():
            found.extend(
                claim.claim_unpaused(
                    hand.connection,
                    hand.owner,
                    1,
                    Horizons(["default"]),
                    1,
                    before=EVER,
                    least=LOWEST,
                    paused=stale,
                )
            )

    threads = [threading.Thread(target=resume), threading.Thread(target=take)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: found)
    finally:
        stop.set()
        for thread in threads:
            thread.join(5)
    assert len(found) == 1
