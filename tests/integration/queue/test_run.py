"""One job is run: what its function is given, what is told on the way, and what comes of it."""

import asyncio
import logging
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.db import connection as django_connection
from django.db import connections

from django_tandem.queue import run as running
from django_tandem.queue.backend import TandemBackend
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import (
    TASKS_LOGGER,
    TaskResultStatus,
    task_backends,
    task_enqueued,
    task_finished,
    task_started,
)
from tests import jobs as shared
from tests.integration.queue import tasks
from tests.waiting import until

BACKEND = "django_tandem.queue.backend.TandemBackend"


@contextmanager
def listening(*signals):
    """What is told while the block runs: (signal, sender, result, its status then, its errors then)."""
    told = []

    def receiver(signal, sender, task_result, **kwargs):
        told.append((signal, sender, task_result, task_result.status, list(task_result.errors)))

    for signal in signals:
        signal.connect(receiver)
    yield told
    for signal in signals:
        signal.disconnect(receiver)


@pytest.fixture
def do(hand):
    """Enqueue a task, claim it and run it, in the thread or in a loop; the outcome and the result."""

    def do(task, *args, loop=False, **kwargs):
        result = task.enqueue(*args, **kwargs)
        (job,) = hand.claim(queues=(task.queue_name,))
        outcome = (
            asyncio.run(running.arun(job, hand.owner, hand.interrupts))
            if loop
            else running.run(job, hand.owner, hand.interrupts)
        )
        return outcome, result

    return do


@pytest.mark.parametrize(("task", "loop"), [(tasks.echo, False), (tasks.aecho, False), (tasks.aecho, True)])
def test_functions_and_coroutines_are_called_with_their_arguments(do, task, loop):
    outcome, _ = do(task, 1, "two", key=None, loop=loop)
    assert (outcome.state, outcome.returned, outcome.history) == (State.SUCCESSFUL, '[[1,"two"],{"key":null}]', None)
    assert outcome.began <= outcome.ended


@pytest.mark.parametrize(("task", "loop"), [(shared.told, False), (tasks.atold, False), (tasks.atold, True)])
def test_a_task_that_takes_its_context_is_given_it_first(do, task, loop):
    outcome, result = do(task, "hello", loop=loop)
    assert outcome.returned == f'["hello",1,"{result.id}"]'


def test_the_context_of_a_later_attempt_knows_the_earlier_ones(hand, do):
    result = shared.told.enqueue("again")
    (job,) = hand.claim()
    hand.connection.execute(
        "UPDATE tandem_job SET state = 1, history = %s", [running.failed(job, hand.owner, 0, ValueError("x")).history]
    )
    (job,) = hand.claim()
    assert (job.attempt, running.run(job, hand.owner, hand.interrupts).returned) == (2, f'["again",2,"{result.id}"]')


@pytest.mark.parametrize("loop", [False, True])
def test_a_task_may_raise_anything(do, loop):
    raising = {
        False: [
            (shared.fail, ("no",), "builtins.ValueError"),
            (shared.leave, (), "builtins.SystemExit"),
            (tasks.odd, (), "tests.integration.queue.tasks.Odd"),
        ],
        True: [(tasks.aleave, (), "builtins.SystemExit")],
    }
    for task, args, path in raising[loop]:
        outcome, _ = do(task, *args, loop=loop)
        assert (outcome.state, outcome.returned) == (State.FAILED, None)
        assert f'"class": "{path}"' in outcome.history


def test_what_is_returned_must_be_json(do):
    outcome, _ = do(tasks.unserialisable)
    assert outcome.state is State.FAILED
    assert "Unsupported type: <class 'object'>" in outcome.history


def test_arguments_that_the_function_does_not_take_fail_the_job(do):
    outcome, _ = do(shared.nothing, "too", much=1)
    assert outcome.state is State.FAILED
    assert '"class": "builtins.TypeError"' in outcome.history


def test_signals_tell_of_a_job_enqueued_started_and_finished(do):
    with listening(task_enqueued, task_started, task_finished) as told:
        _, result = do(shared.add, 1, b=2)
    assert [(signal, status) for signal, _, _, status, _ in told] == [
        (task_enqueued, TaskResultStatus.READY),
        (task_started, TaskResultStatus.RUNNING),
        (task_finished, TaskResultStatus.SUCCESSFUL),
    ]
    assert all(
        sender is TandemBackend and one.id == result.id and one.task == shared.add for _, sender, one, _, _ in told
    )
    started, finished = told[1][2], told[2][2]
    assert (started.args, started.kwargs, started.attempts) == ([1], {"b": 2}, 1)
    assert (finished.return_value, finished.attempts) == (3, 1)
    assert finished.enqueued_at <= finished.started_at <= finished.finished_at


@pytest.mark.parametrize(("task", "loop"), [(shared.leave, False), (tasks.aleave, True)])
def test_signals_tell_of_a_job_that_failed(do, task, loop):
    with listening(task_started, task_finished) as told:
        do(task, loop=loop)
    assert [(signal, status, len(errors)) for signal, _, _, status, errors in told] == [
        (task_started, TaskResultStatus.RUNNING, 0),
        (task_finished, TaskResultStatus.FAILED, 1),
    ]
    assert told[1][4][0].exception_class is SystemExit


def test_a_receiver_that_raises_does_not_fail_the_job(do):
    def raising(**kwargs):
        raise RuntimeError("a receiver")

    for signal in (task_started, task_finished):
        signal.connect(raising)
    outcome, _ = do(shared.add, 1)
    for signal in (task_started, task_finished):
        signal.disconnect(raising)
    assert outcome.state is State.SUCCESSFUL


@pytest.mark.parametrize("loop", [False, True])
def test_a_job_of_which_nothing_can_be_told_still_has_an_outcome(hand, caplog, loop):
    """Its arguments are nested so deeply that no TaskResult can be made of them."""
    (tasks.aecho if loop else tasks.echo).enqueue()
    hand.connection.execute("UPDATE tandem_job SET arguments = %s", [f"[[{'[' * 3000}{']' * 3000}],{{}}]"])
    (job,) = hand.claim()
    with listening(task_started, task_finished) as told:
        outcome = (
            asyncio.run(running.arun(job, hand.owner, hand.interrupts))
            if loop
            else running.run(job, hand.owner, hand.interrupts)
        )
    assert outcome.state is State.FAILED
    assert "RecursionError" in outcome.history
    assert told == []
    assert f"job {job.id} ({job.task}): its end could not be told: RecursionError" in caplog.text


def test_enqueue_many_tells_of_each_when_anybody_listens(database):
    with listening(task_enqueued) as told:
        ids = task_backends["default"].enqueue_many(shared.add, [((n,), {}) for n in range(3)])
    assert [(one.id, one.args, status) for _, _, one, status, _ in told] == [
        (job, [n], TaskResultStatus.READY) for n, job in enumerate(ids)
    ]


def test_djangos_log_tells_of_enqueued_started_and_finished(do, caplog):
    caplog.set_level(logging.DEBUG, TASKS_LOGGER)
    _, good = do(shared.add, 1)
    _, bad = do(shared.fail, "no")
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == TASKS_LOGGER]
    assert told == [
        ("DEBUG", f"Task id={good.id} path=tests.jobs.add enqueued backend=default"),
        ("INFO", f"Task id={good.id} path=tests.jobs.add state=RUNNING"),
        ("INFO", f"Task id={good.id} path=tests.jobs.add state=SUCCESSFUL"),
        ("DEBUG", f"Task id={bad.id} path=tests.jobs.fail enqueued backend=default"),
        ("INFO", f"Task id={bad.id} path=tests.jobs.fail state=RUNNING"),
        ("ERROR", f"Task id={bad.id} path=tests.jobs.fail state=FAILED"),
    ]
    assert caplog.records[-1].exc_info[0] is ValueError


def test_a_job_of_a_queue_that_the_settings_do_not_have_any_more_is_run(hand, settings):
    shared.told.using(queue_name="closed").enqueue("still")
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default"]}}
    with listening(task_started, task_finished) as told:
        (outcome,) = hand.work(queues=("closed",))
    assert outcome.state is State.SUCCESSFUL
    assert [result.task.queue_name for _, _, result, _, _ in told] == ["closed", "closed"]


def test_without_time_zones_a_running_task_sees_times_as_the_project_does(do, settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Tokyo"
    connections["default"].close()
    with listening(task_started, task_finished) as told:
        do(shared.add, 1)
    in_tokyo = datetime.now(timezone(timedelta(hours=9))).replace(tzinfo=None)
    for _, _, result, _, _ in told:
        times = [result.enqueued_at, result.started_at, result.last_attempted_at]
        assert all(abs(in_tokyo - time) < timedelta(minutes=1) for time in times)
    assert abs(in_tokyo - told[1][2].finished_at) < timedelta(minutes=1)


def test_a_connection_that_broke_under_a_job_is_replaced_for_the_next(hand, database, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", None)
    for name in ("first", "lost", "second"):
        shared.make_group.enqueue(name)
    first, lost, second = hand.claim(3)
    assert running.run(first, hand.owner, hand.interrupts).state is State.SUCCESSFUL
    database.execute("SELECT pg_terminate_backend(%s::integer)", [django_connection.connection.info.backend_pid])
    assert "OperationalError" in running.run(lost, hand.owner, hand.interrupts).history
    assert running.run(second, hand.owner, hand.interrupts).state is State.SUCCESSFUL
    assert list(Group.objects.order_by("name").values_list("name", flat=True)) == ["first", "second"]


def test_a_connection_that_grew_old_while_the_worker_was_idle_is_replaced(do, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", 60)
    connections["default"].close()
    (first, _), (same, _) = do(tasks.database_session), do(tasks.database_session)
    connections["default"].close_at = time.monotonic()
    other, _ = do(tasks.database_session)
    assert first.returned == same.returned != other.returned


def test_a_coroutine_in_the_loop_leaves_no_connection_behind(do, rows):
    def connections_here():
        return rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")

    django_connection.ensure_connection()
    before, threads = connections_here(), threading.active_count()
    outcome, _ = do(shared.amake_group, "of a coroutine", loop=True)
    assert outcome.state is State.SUCCESSFUL
    assert Group.objects.filter(name="of a coroutine").exists()
    until(lambda: connections_here() == before)
    until(lambda: threading.active_count() <= threads)


def test_a_task_is_looked_up_by_its_path_and_its_kind_is_known(database):
    assert running.known("tests.jobs.add") == (shared.add, False, None, None, False, 1_048_576)
    assert running.known("tests.jobs.asleep").is_coroutine
    for path, why in [
        ("tests.jobs.gone", 'does not define a "gone"'),
        ("os.getpid", "expected a Task: decorate the function with @task"),
        ("tests.integration.queue.broken.task", "its module raises RuntimeError: this module is broken"),
    ]:
        with pytest.raises(ImportError, match=why):
            running.known(path)


def test_a_task_can_be_called_as_a_function():
    assert shared.add.call(1, 2) == 3
    assert async_to_sync(shared.add.acall)(1, 2) == 3
    assert tasks.aecho.call(1) == [[1], {}]
