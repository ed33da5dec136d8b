"""What is enqueued one by one within `together` is written as a stream, and is otherwise as without it."""

import threading
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from django_tandem import together
from django_tandem.queue import together as module
from django_tandem.queue.arguments import load_arguments
from django_tandem.queue.tasks_api import TaskResultDoesNotExist, task_enqueued
from tests import jobs as shared
from tests.integration.queue import policies, tasks

pytestmark = pytest.mark.usefixtures("database")

PAIR = 'a\tb\\c\nd "é" \N{SNOWMAN}'


@contextmanager
def taken_back():
    """A block that an exception leaves."""
    with suppress(ZeroDivisionError), together():
        yield
        raise ZeroDivisionError


def first_arguments(jobs):
    return [load_arguments(job["arguments"])[0][0] for job in jobs]


def test_a_job_is_the_same_as_without_it(jobs):
    urgent = tasks.special.using(priority=70)
    alone = [urgent.enqueue(PAIR, n=1), shared.add.enqueue(PAIR, 2)]
    with together():
        within = [urgent.enqueue(PAIR, n=1), shared.add.enqueue(PAIR, 2)]
    rows = {str(job["id"]): job for job in jobs()}
    own = {"id", "due", "enqueued_at", "trace"}
    for one, other in zip(alone, within, strict=True):
        rows_of = [rows[result.id] for result in (one, other)]
        plain, block = ({key: row[key] for key in row.keys() - own} for row in rows_of)
        assert block == plain
        assert len({row["enqueued_at"] - row["due"] for row in rows_of}) == 1
        assert (other.args, other.kwargs, other.status) == (one.args, one.kwargs, one.status)
        assert other.enqueued_at == rows[other.id]["enqueued_at"]
        assert abs(other.enqueued_at - one.enqueued_at) < timedelta(minutes=1)
    assert [rows[result.id]["enqueued_at"] for result in within] == sorted(row["enqueued_at"] for row in rows.values())[
        2:
    ]


def test_thousands_take_a_few_statements(jobs, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 1000)
    with CaptureQueriesContext(connections["default"]) as asked, together():
        results = [shared.add.enqueue(n, n) for n in range(2500)]
    assert len(asked.captured_queries) < 20
    assert [str(job["id"]) for job in jobs()] == [result.id for result in results]
    assert first_arguments(jobs()) == list(range(2500))


def test_workers_are_told_of_each_queue_and_priority_once(database, jobs):
    database.execute("LISTEN tandem_ready")
    with together():
        for _ in range(3):
            shared.add.enqueue(1, 2)
            shared.add.using(priority=9).enqueue(1, 2)
            tasks.special.enqueue(1)
    told = [one.payload.split() for one in database.notifies(timeout=10, stop_after=3)]
    assert sorted((queue, int(priority)) for queue, _, priority in told) == [
        ("default", 0),
        ("default", 9),
        ("special", 7),
    ]
    due = {(job["queue"], job["priority"]): job["due"].timestamp() for job in reversed(jobs())}
    for queue, at, priority in told:
        assert float(at) == pytest.approx(due[queue, int(priority)], abs=1e-5)


def test_an_exception_that_leaves_the_block_leaves_no_job(jobs, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    with transaction.atomic():
        shared.add.enqueue("before")
        with taken_back():
            for n in range(5):
                shared.add.enqueue(n)
        shared.add.enqueue("after")
    assert first_arguments(jobs()) == ["before", "after"]


def test_an_error_of_the_database_that_somebody_catches_is_not_the_end_of_it(jobs, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)

    def enqueue():
        with together():
            shared.add.enqueue(1)
            with suppress(DatabaseError), connections["default"].cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
            with suppress(DatabaseError):
                shared.add.enqueue(2)

    with pytest.raises(DatabaseError, match="aborted"):
        enqueue()
    assert jobs() == []


def test_what_an_inner_transaction_takes_back_is_not_written(jobs):
    with together():
        shared.add.enqueue("before")
        with transaction.atomic():
            Group.objects.create(name="gone")
            shared.add.enqueue("gone")
            transaction.set_rollback(True)
        with transaction.atomic():
            shared.add.enqueue("stays")
        with transaction.atomic(savepoint=False):
            shared.add.enqueue("waits")
    assert sorted(first_arguments(jobs())) == ["before", "stays", "waits"]


def test_a_block_within_a_block_is_taken_back_alone(jobs):
    with together():
        shared.add.enqueue("outer")
        with taken_back():
            shared.add.enqueue("gone")
        with together():
            shared.add.enqueue("inner")
        shared.add.enqueue("outer, too")
    assert sorted(first_arguments(jobs())) == ["inner", "outer", "outer, too"]


def test_a_job_with_a_key_is_written_at_once_and_belongs_to_the_block(jobs):
    with taken_back():
        first, second = (policies.score.enqueue("one") for _ in range(2))
        assert second.id == first.id
    assert jobs() == []
    with together():
        policies.score.enqueue("one")
        shared.add.enqueue("plain")
    assert sorted(first_arguments(jobs())) == ["one", "plain"]


def test_a_result_is_found_before_the_block_ends(jobs):
    with together():
        result = shared.add.enqueue(1, 2)
        assert shared.add.get_result(result.id).args == [1, 2]
        shared.add.enqueue(3, 4)
        assert jobs() == []  # on another connection
    assert first_arguments(jobs()) == [1, 3]


def test_whoever_listens_to_the_signal_finds_the_job(jobs):
    found = []

    def listen(task_result, **_):
        found.append(shared.add.get_result(task_result.id).args)

    task_enqueued.connect(listen)
    try:
        with together():
            for n in range(3):
                shared.add.enqueue(n, n)
            assert found == []
    finally:
        task_enqueued.disconnect(listen)
    assert found == [[0, 0], [1, 1], [2, 2]]


def test_another_thread_is_not_in_the_block(jobs):
    def other():
        try:
            shared.add.enqueue("other thread")
        finally:
            connections.close_all()

    with together():
        shared.add.enqueue("within")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert first_arguments(jobs()) == ["other thread"]
    assert first_arguments(jobs()) == ["within", "other thread"]


def test_an_argument_that_is_refused_names_itself_and_the_block_goes_on(jobs):
    with together():
        shared.add.enqueue("before")
        with pytest.raises(TypeError, match=r"args\[0\] is of type set"):
            shared.add.enqueue({1})
        shared.add.enqueue("after")
    assert first_arguments(jobs()) == ["before", "after"]


def test_the_id_of_what_was_never_written_is_nobodys(jobs):
    with taken_back():
        result = shared.add.enqueue(1)
    with pytest.raises(TaskResultDoesNotExist):
        shared.add.get_result(result.id)
