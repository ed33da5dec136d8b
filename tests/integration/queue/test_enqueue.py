"""Jobs are written in the caller's transaction, one by one or as a stream, or refused before anything is written."""

import dataclasses
import re
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from django.contrib.auth.models import Group
from django.db import connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_tandem import together
from django_tandem.errors import InvalidJob
from django_tandem.queue import enqueue, run
from django_tandem.queue.arguments import load_arguments
from django_tandem.queue.options import Options
from django_tandem.queue.tasks_api import InvalidTask, TaskResultDoesNotExist, task_backends, task_enqueued
from tests import jobs as shared
from tests.integration.queue import tasks

BACKEND = "django_tandem.queue.backend.TandemBackend"
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("database")


def many(task, pairs):
    return task_backends["default"].enqueue_many(task, pairs)


def add_many(count):
    many(shared.add, [((n,), {}) for n in range(count)])


def arguments(job):
    return load_arguments(job["arguments"])


def add_two():
    for n in range(2):
        shared.add.enqueue(n)


def add_two_together():
    with together():
        add_two()


ways = pytest.mark.parametrize("enqueue_two", [add_two, add_two_together, partial(add_many, 2)])


@ways
def test_jobs_become_visible_when_the_open_transaction_commits(jobs, enqueue_two):
    with transaction.atomic():
        Group.objects.create(name="with it")
        enqueue_two()
        assert jobs() == []
    assert len(jobs()) == 2


@ways
def test_jobs_roll_back_with_the_open_transaction(jobs, enqueue_two):
    with transaction.atomic():
        Group.objects.create(name="with it")
        enqueue_two()
        transaction.set_rollback(True)
    assert jobs() == []
    assert not Group.objects.exists()


@ways
def test_jobs_roll_back_with_a_savepoint_and_those_before_it_stay(jobs, enqueue_two):
    with transaction.atomic():
        shared.add.enqueue("stays")
        with transaction.atomic():
            enqueue_two()
            transaction.set_rollback(True)
        shared.add.enqueue("stays, too")
    assert [arguments(job)[0] for job in jobs()] == [["stays"], ["stays, too"]]


def test_outside_a_transaction_each_job_is_committed_at_once(jobs):
    shared.add.enqueue(1)
    assert len(jobs()) == 1


def test_a_result_can_be_read_inside_the_transaction_that_enqueues_it():
    with transaction.atomic():
        assert shared.add.get_result(shared.add.enqueue(1).id).args == [1]


class TestOnAnotherDatabase:
    """The queue's database is not the one on which the caller's transaction is open."""

    @pytest.fixture(autouse=True)
    def queue_elsewhere(self, settings):
        # Another connection is all that makes another database, as far as a transaction is concerned.
        connections.settings["queue"] = {**connections.settings["default"]}
        settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"database": "queue"}}}
        yield
        connections["queue"].close()
        del connections["queue"], connections.settings["queue"]

    def test_a_job_is_written_when_the_callers_transaction_commits(self, jobs):
        with transaction.atomic():
            result = shared.add.using(priority=3).enqueue(1, b=2)
            with transaction.atomic(using="queue"):
                pass
            assert jobs() == []
            with pytest.raises(TaskResultDoesNotExist):
                shared.add.get_result(result.id)
        (job,) = jobs()
        assert (str(job["id"]), arguments(job), job["priority"]) == (result.id, ([1], {"b": 2}), 3)
        found = shared.add.get_result(result.id)
        assert dataclasses.asdict(found) == {**dataclasses.asdict(result), "enqueued_at": found.enqueued_at}
        assert result.enqueued_at <= found.enqueued_at

    def test_a_block_of_together_waits_for_that_too(self, jobs):
        with transaction.atomic():
            with together():
                shared.add.enqueue(1)
            assert jobs() == []
        with together():
            shared.add.enqueue(2)
        assert [arguments(job)[0] for job in jobs()] == [[1], [2]]

    def test_its_signal_is_sent_when_it_is_written(self, jobs):
        heard = []

        def hear(task_result, **_):
            heard.append((task_result.id, len(jobs())))

        task_enqueued.connect(hear)
        try:
            with transaction.atomic():
                result = shared.add.enqueue(1)
                assert heard == []
        finally:
            task_enqueued.disconnect(hear)
        assert heard == [(result.id, 1)]

    def test_a_time_to_run_after_is_kept(self, jobs):
        later = datetime.now(timezone.utc) + HOUR
        with transaction.atomic():
            shared.add.using(run_after=later).enqueue(1)
        assert [(job["state"], job["due"], job["run_after"]) for job in jobs()] == [(0, later, later)]

    def test_a_job_is_forgotten_when_the_callers_transaction_rolls_back(self, jobs):
        with transaction.atomic():
            shared.add.enqueue(1)
            transaction.set_rollback(True)
        assert jobs() == []

    def test_outside_a_transaction_it_is_written_at_once(self, jobs):
        shared.add.enqueue(1)
        add_many(2)
        assert len(jobs()) == 3

    def test_what_is_refused_is_refused_at_once(self):
        with transaction.atomic(), pytest.raises(InvalidJob, match=r"args\[0\] is of type set"):
            shared.add.enqueue({1})

    def test_many_cannot_join_and_say_so(self, jobs):
        with transaction.atomic(), pytest.raises(InvalidJob, match=r"enqueue_many inside a transaction on 'default'"):
            add_many(2)
        with transaction.atomic():
            transaction.on_commit(partial(add_many, 2))
        assert len(jobs()) == 2


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: shared.add.enqueue(1, b={"at": [{1}]}), TypeError, "tests.jobs.add: b['at'][0] is of type set"),
        (lambda: shared.add.enqueue(float("nan")), InvalidJob, "tests.jobs.add: args[0] is nan"),
        (lambda: shared.add.enqueue("x" * 1024 * 1024), InvalidJob, "1048585 bytes as JSON, expected at most 1048576"),
        (lambda: many(shared.add, [((1,), {}), (({1},), {})]), TypeError, "tests.jobs.add: args[0] is of type set"),
        (lambda: shared.add.using(priority=200), InvalidTask, "priority must be a whole number between -100 and 100"),
    ],
)
def test_bad_input_is_refused_with_what_is_wrong_and_nothing_is_written(jobs, call, error, told):
    with transaction.atomic():
        shared.nothing.enqueue()
        with pytest.raises(error, match=re.escape(told)):
            call()
    assert len(jobs()) == 1  # and the transaction went on


def test_the_limit_on_arguments_is_an_option(settings, jobs):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"max_bytes": 20}}}
    shared.add.enqueue("x" * 11)
    with pytest.raises(InvalidJob, match="are 21 bytes as JSON, expected at most 20"):
        shared.add.enqueue("x" * 12)
    assert len(jobs()) == 1


def test_a_naive_time_is_refused_also_past_djangos_validation(settings):
    """A task that was made when USE_TZ was off, or by other means."""
    settings.USE_TZ = False
    late = shared.add.using(run_after=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the point
    settings.USE_TZ = True
    with pytest.raises(InvalidJob, match="run_after is a naive datetime"):
        enqueue.enqueue(late, (), {}, Options())
    with pytest.raises(InvalidJob, match="run_after is a naive datetime"):
        enqueue.enqueue_many(late, [((), {})], Options())


def test_due_is_the_time_of_enqueueing_less_what_the_priority_is_worth(settings, jobs):
    options = {"patience": {"slow": 60}, "strict": ["urgent"]}
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": options}}
    expected = []
    for queue, level in (("default", 10), ("slow", 60), ("urgent", 3650 * 24 * 3600)):
        for priority in (-100, 0, 7, 100):
            task = shared.nothing.using(queue_name=queue, priority=priority)
            task.enqueue()
            many(task, [((), {})])
            expected += 2 * [timedelta(seconds=priority * level)]
    assert [job["enqueued_at"] - job["due"] for job in jobs()] == expected


def test_a_job_for_later_is_outside_the_ready_ones_whatever_its_priority(jobs):
    later = datetime.now(timezone.utc) + HOUR
    task = shared.nothing.using(run_after=later, priority=100)
    task.enqueue()
    many(task, [((), {})])
    many(shared.nothing.using(run_after=later - 2 * HOUR, priority=1), [((), {})])
    *scheduled, past = jobs()
    assert [(job["state"], job["due"], job["run_after"]) for job in scheduled] == 2 * [(0, later, later)]
    assert (past["state"], past["enqueued_at"] - past["due"]) == (1, timedelta(seconds=10))


# Whatever a person may type; what the formats of JSON and of COPY treat in a special way comes often.
texts = st.text(st.characters() | st.sampled_from("\t\n\r\\\x00\"'.N\x7f\u2028é漢🂡"), max_size=20)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.tuples(st.lists(values, max_size=3), st.dictionaries(texts, values, max_size=3)), min_size=1, max_size=5
    )
)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arguments_arrive_as_they_were_given(hand, pairs):
    ids = many(tasks.echo, pairs)
    ids += [tasks.echo.enqueue(*args, **kwargs).id for args, kwargs in pairs]
    claimed = hand.claim(count=2 * len(pairs))
    assert [str(job.id) for job in claimed] == ids
    for job, (args, kwargs) in zip(claimed, 2 * pairs, strict=True):
        assert load_arguments(run.run(job, hand.owner, hand.interrupts).returned) == (args, kwargs)


@pytest.mark.parametrize("queue", ["with space", "tab\there", "\\N", "línea\nnueva", "\u2028"])
def test_a_queue_may_have_any_name(jobs, hand, queue):
    task = shared.nothing.using(queue_name=queue)
    task.enqueue()
    many(task, [((), {})])
    assert [job["queue"] for job in jobs()] == [queue, queue]
    assert len(hand.work(2, queues=(queue,))) == 2
