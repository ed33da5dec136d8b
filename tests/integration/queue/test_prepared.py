"""The statement that enqueues is prepared once it comes often, on Django's own connection, where that is safe."""

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from django_tandem.queue.prepared import PREPARE_AFTER
from tests import jobs as shared

pytestmark = pytest.mark.usefixtures("database")


def prepared():
    """The statements that are prepared in the session of Django's connection, and how often each ran so."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE %s",
            ["%INSERT INTO tandem_job%"],
        )
        return cursor.fetchall()


def enqueue(times):
    for number in range(times):
        shared.add.enqueue(number, b="x" * number)


def test_after_a_few_times_the_statement_is_prepared_once(jobs):
    enqueue(PREPARE_AFTER - 1)
    assert prepared() == []
    enqueue(4)
    ((statement, runs),) = prepared()
    assert "$1" in statement
    assert runs == 4
    assert len(jobs()) == PREPARE_AFTER + 3
    assert connection.connection.prepare_threshold is None  # Django's own statements stay as they were


def test_a_new_connection_begins_anew():
    enqueue(PREPARE_AFTER)
    connection.close()
    enqueue(1)
    assert prepared() == []


def test_it_goes_on_through_rollbacks_and_savepoints(jobs):
    enqueue(PREPARE_AFTER)
    for _ in range(3):
        with transaction.atomic():
            enqueue(1)
            with transaction.atomic():
                enqueue(1)
                transaction.set_rollback(True)
            enqueue(1)
    assert len(jobs()) == PREPARE_AFTER + 6


def test_behind_a_pooler_nothing_is_prepared(monkeypatch, jobs):
    """A pooler tells a process id of its own when a client connects."""
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda _: 1))
    enqueue(PREPARE_AFTER + 3)
    assert prepared() == []
    assert len(jobs()) == PREPARE_AFTER + 3


def test_who_looks_at_queries_sees_the_enqueue(django_assert_num_queries):
    enqueue(PREPARE_AFTER)
    with django_assert_num_queries(2):
        enqueue(2)
    with CaptureQueriesContext(connection) as seen:
        result = shared.add.enqueue(1)
    assert "INSERT INTO tandem_job" in seen[0]["sql"]
    assert "[[1],{}]" in seen[0]["sql"]
    assert shared.add.get_result(result.id).args == [1]


def test_a_wrapper_around_executions_sees_the_enqueue():
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        enqueue(1)
    assert len(seen) == 1


def test_errors_are_djangos_and_a_broken_transaction_says_so(jobs):
    enqueue(PREPARE_AFTER)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1/0")
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            enqueue(1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tandem_job ADD CONSTRAINT small CHECK (length(arguments) < 30)")
    try:
        with pytest.raises(DatabaseError, match="small"):
            shared.add.enqueue("x" * 30)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tandem_job DROP CONSTRAINT small")
    enqueue(1)
    assert len(jobs()) == PREPARE_AFTER + 1
