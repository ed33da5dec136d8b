"""Many jobs as one stream: all or none, whatever their arguments are and whenever something is wrong."""

from collections.abc import Sequence
from datetime import datetime, timezone

import pytest
from django.db import IntegrityError, connection, transaction

from django_tandem.errors import InvalidJob
from django_tandem.queue import enqueue, stream
from django_tandem.queue.arguments import load_arguments
from django_tandem.queue.tasks_api import InvalidTask, task_backends
from tests import jobs as shared
from tests.integration.queue import tasks

BACKEND = "django_tandem.queue.backend.TandemBackend"

pytestmark = pytest.mark.usefixtures("database")


def many(task, pairs):
    return task_backends["default"].enqueue_many(task, pairs)


def arguments(job):
    return load_arguments(job["arguments"])


def test_many_ids_are_in_the_order_of_the_arguments(jobs, monkeypatch):
    monkeypatch.setattr(enqueue, "COPY_BATCH", 3)
    ids = many(tasks.special, (((n,), {"n": n}) for n in range(8)))
    assert ids == [str(job["id"]) for job in jobs()]
    assert [arguments(job) for job in jobs()] == [([n], {"n": n}) for n in range(8)]
    assert {(job["queue"], job["priority"], job["state"], job["attempt"]) for job in jobs()} == {("special", 7, 1, 0)}
    assert tasks.special.get_result(ids[5]).args == [5]
    assert many(shared.add, []) == []


def test_many_are_all_written_or_none(jobs, monkeypatch):
    monkeypatch.setattr(enqueue, "COPY_BATCH", 2)
    with pytest.raises(TypeError, match=r"args\[0\] is of type set"):
        many(shared.add, [((n,), {}) for n in (1, 2, 3, 4, {5})])
    assert jobs() == []


def test_many_that_are_refused_leave_the_open_transaction_as_it_was(jobs, monkeypatch):
    monkeypatch.setattr(enqueue, "COPY_BATCH", 2)
    with transaction.atomic():
        shared.add.enqueue("before")
        with pytest.raises(TypeError, match="is of type set"):
            many(shared.add, [((n,), {}) for n in (1, 2, 3, {5})])
        shared.add.enqueue("after")
    assert [arguments(job)[0] for job in jobs()] == [["before"], ["after"]]


def test_many_refuse_a_task_that_the_backend_cannot_take(settings, jobs):
    elsewhere = shared.add.using(queue_name="elsewhere")
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default"]}}
    with pytest.raises(InvalidTask):
        many(elsewhere, [((1,), {})])
    assert jobs() == []


def asked(index):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::integer", [index])
        return cursor.fetchone()[0]


class AskedSequence(Sequence):
    """An argument that asks the database for what is in it."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(index)
        return asked(index)


class AskedDict(dict):
    """The same, one that JSON takes as it is."""

    def items(self):
        return [("of the database", asked(7))]


@pytest.mark.parametrize("batch", [3, 100])
@pytest.mark.parametrize("odd", [0, 1, 9])
@pytest.mark.parametrize(
    ("strange", "stored"),
    [(AskedSequence(), [0, 1]), ([AskedDict(one=1)], [{"of the database": 7}])],
    ids=["sequence", "dict"],
)
def test_a_strange_argument_has_its_place_among_the_others(jobs, monkeypatch, strange, stored, odd, batch):
    monkeypatch.setattr(enqueue, "COPY_BATCH", batch)
    monkeypatch.setattr(stream, "CHUNK", 2)
    given, kept = ([*range(7), text, *range(8, 10)] for text in (b"text", "text"))
    given[odd], kept[odd] = strange, stored
    ids = many(tasks.echo, [((one,), {}) for one in given])
    assert ids == [str(job["id"]) for job in jobs()]
    assert [arguments(job)[0] for job in jobs()] == [[one] for one in kept]


def test_a_strange_pair_has_its_place_too(jobs):
    class AskedPair:
        def __iter__(self):
            return iter(([asked(1)], {}))

    many(tasks.echo, [((0,), {}), AskedPair(), ((2,), {})])
    assert [arguments(job)[0] for job in jobs()] == [[0], [1], [2]]


def test_one_too_long_is_named_and_none_is_written(jobs, monkeypatch):
    monkeypatch.setattr(stream, "CHUNK", 2)
    with pytest.raises(InvalidJob, match=r"echo: its arguments are 2000009 bytes as JSON, expected at most"):
        many(tasks.echo, [((n,), {}) for n in range(5)] + [(("x" * 2_000_000,), {})])
    assert jobs() == []


@pytest.mark.parametrize("priority", [-100, 100])
@pytest.mark.parametrize("run_after", [None, datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc)])
def test_numbers_and_times_are_what_they_are_one_by_one(jobs, priority, run_after):
    task = shared.nothing.using(priority=priority, run_after=run_after)
    task.enqueue()
    many(task, [((), {})])
    one, other = jobs()
    apart = other["enqueued_at"] - one["enqueued_at"]
    assert other["due"] - one["due"] == apart
    ours = {"id", "due", "enqueued_at"}
    assert {name: other[name] for name in other.keys() - ours} == {name: one[name] for name in one.keys() - ours}


@pytest.mark.parametrize("count", [1, 20_000])
def test_what_the_database_says_to_a_stream_is_an_error_of_djangos(database, count):
    database.execute("ALTER TABLE tandem_job ADD CONSTRAINT nothing_more CHECK (false) NOT VALID")
    try:
        with pytest.raises(IntegrityError, match="nothing_more"):
            many(shared.add, [((1,), {})] * count)
    finally:
        database.execute("ALTER TABLE tandem_job DROP CONSTRAINT nothing_more")
    assert len(many(shared.add, [((1,), {})])) == 1
