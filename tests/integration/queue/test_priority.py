"""The bound on waiting, on the real claim: whatever arrives while several workers claim, nobody is overtaken by a job
whose due is later, and an endless load of urgent jobs holds back no other for longer than the levels between them."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_tandem.queue import claim
from django_tandem.queue.claim import Owner
from django_tandem.queue.horizons import Horizons
from django_tandem.queue.priority import HIGHEST
from django_tandem.queue.sweep import BEGINNING
from tests import jobs as shared
from tests.integration.queue import tasks

BACKEND = "django_tandem.queue.backend.TandemBackend"
SECOND = timedelta(seconds=1)

INSERT = """
    INSERT INTO tandem_job (queue, task, arguments, backend, priority, state, due, enqueued_at)
    SELECT 'default', 'tests.jobs.nothing', '[[],{}]', 'default', 0, 1, now() + s * interval '1 s', now()
    FROM unnest(%s::integer[]) AS s RETURNING id, due"""
WAITING = "SELECT id, due FROM tandem_job WHERE state = 1"

# Arrivals in waves, as seconds of due from now, and after each wave which worker claims how many.
waves = st.lists(
    st.tuples(
        st.lists(st.integers(-1000, 1000), max_size=8),
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=4),
    ),
    min_size=1,
    max_size=8,
)


@given(waves)
@hypothesis_settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_claim_passes_over_a_job_that_waits_and_is_due_before(hand, given_waves):
    """Each worker's horizons are its own, and hear of each arrival, as workers do."""
    database = hand.connection
    database.execute("DELETE FROM tandem_job")
    workers = [(Owner(hand.owner.server, 100 + n), Horizons(["default"])) for n in range(3)]
    for arriving, claiming in given_waves:
        for _, due in database.execute(INSERT, [arriving]).fetchall():
            for _, horizons in workers:
                horizons.announced("default", due)
        for number, count in claiming:
            before = sorted((due, id_) for id_, due in database.execute(WAITING))
            owner, horizons = workers[number]
            claimed = claim.claim(database, owner, 1, horizons, count)
            assert [(job.due, job.id) for job in claimed] == before[:count]


def test_several_workers_at_once_pass_over_only_what_another_is_just_claiming(hand, others, database):
    arriving, stop, passed_over, taken = others(), threading.Event(), [], []

    def arrive():
        for wave in range(60):
            arriving.execute(INSERT, [[(wave * 37 + n * 101) % 977 for n in range(10)]])
        stop.set()

    def take(connection):
        while True:
            last = stop.is_set()
            before = dict(connection.execute(WAITING).fetchall())
            claimed = claim.claim(connection, hand.owner, 1, Horizons(["default"]), 3)
            (ended_at,) = connection.execute("SELECT clock_timestamp()").fetchone()
            taken.extend(job.id for job in claimed)
            latest = max(((job.due, job.id) for job in claimed), default=(BEGINNING, 0))
            mine = {job.id for job in claimed}
            passed_over.extend(
                (id_, ended_at) for id_, due in before.items() if (due, id_) < latest and id_ not in mine
            )
            if last and not claimed:
                return

    threads = [threading.Thread(target=arrive), *(threading.Thread(target=take, args=[others()]) for _ in range(3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 600
    claimed_at = dict(database.execute("SELECT id, claimed_at FROM tandem_job").fetchall())
    assert [id_ for id_, ended_at in passed_over if claimed_at[id_] > ended_at] == []


@pytest.mark.parametrize(("patience", "bound_s"), [(10, 1000), (1, 100)])
def test_a_job_of_priority_0_under_endless_load_of_priority_100_waits_for_100_levels_of_patience(
    hand, database, settings, patience, bound_s
):
    """A claim takes one job, and two urgent ones arrive: there are always more. Time passes by shifting what waits."""
    settings.TASKS = {
        "default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"patience": {"default": patience}}}
    }  # fmt: skip
    step = bound_s // 50
    mine, horizons, seconds = int(shared.nothing.enqueue().id), Horizons(["default"]), 0
    for _ in range(3):  # a backlog from the start
        tasks.echo.using(priority=HIGHEST).enqueue()
    while True:
        (job,) = hand.claim(1, horizons=horizons)
        if job.id == mine:
            break
        database.execute("UPDATE tandem_job SET due = due - %s * interval '1 s' WHERE state = 1", [step])
        horizons = Horizons(["default"])
        seconds += step
        for _ in range(2):
            tasks.echo.using(priority=HIGHEST).enqueue()
        assert seconds <= 10 * bound_s, "it never begins"
    assert seconds >= bound_s
    query = "SELECT count(*) FILTER (WHERE due < %s), count(*) FROM tandem_job WHERE state = 1"
    earlier, urgent = database.execute(query, [job.due]).fetchone()
    assert earlier == 0
    assert urgent > 10  # which it did not have to wait for


def test_in_a_strict_queue_it_waits_for_as_long_as_there_is_urgent_work_and_no_longer(hand, database, settings):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"strict": ["default"]}}}
    mine = int(shared.nothing.enqueue().id)
    database.execute(
        "UPDATE tandem_job SET due = due - interval '30 days', enqueued_at = enqueued_at - interval '30 days'"
    )
    urgent = [int(tasks.echo.using(priority=1).enqueue().id) for _ in range(20)]
    order = [job.id for _ in range(21) for job in hand.claim(1)]
    assert order == [*urgent, mine]
