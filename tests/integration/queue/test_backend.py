"""What Django documents of a task backend: topics/tasks "Enqueueing Tasks", "Task results", and ref/tasks."""

import dataclasses
import re
from datetime import datetime, timedelta, timezone

import pytest
from asgiref.sync import async_to_sync
from django.core import checks
from django.db import connections

from django_tandem.errors import InvalidJob
from django_tandem.queue.backend import TandemBackend
from django_tandem.queue.tasks_api import (
    InvalidTask,
    Task,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    task,
    task_backends,
)
from tests import jobs as shared
from tests.integration.queue import tasks

BACKEND = "django_tandem.queue.backend.TandemBackend"
HOUR = timedelta(hours=1)


def now():
    return datetime.now(timezone.utc)


@pytest.fixture
def backend(database):
    return task_backends["default"]


def test_the_backend_says_what_it_supports(backend):
    assert isinstance(backend, TandemBackend)
    assert backend.supports_defer
    assert backend.supports_async_task
    assert backend.supports_get_result
    assert backend.supports_priority
    assert backend.options == {}


def test_tasks_are_defined_by_the_decorator_with_and_without_arguments():
    assert isinstance(tasks.special, Task)
    assert (tasks.special.priority, tasks.special.queue_name, tasks.special.backend) == (7, "special", "default")
    assert (tasks.echo.priority, tasks.echo.queue_name, tasks.echo.run_after) == (0, "default", None)
    assert tasks.echo.name == "echo"


def test_what_cannot_be_a_task_is_refused_where_it_is_defined():
    def inner():
        """Not at module level."""

    for function in (inner, lambda: None, any):
        with pytest.raises(InvalidTask, match="module level"):
            task(function)
    with pytest.raises(InvalidTask, match="first argument of 'context'"):
        task(takes_context=True)(shared.nothing.func)
    with pytest.raises(InvalidTask, match="priority must be a whole number between -100 and 100"):
        task(priority=101)(shared.nothing.func)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"priority": 101}, "priority must be a whole number"),
        ({"priority": -101}, "priority must be a whole number"),
        ({"priority": 1.5}, "priority must be a whole number"),
        ({"run_after": datetime(2030, 1, 1)}, "run_after must be an aware datetime"),  # noqa: DTZ001 - refused
        ({"queue_name": "unknown"}, "Queue 'unknown' is not valid for backend"),
    ],
)
def test_using_refuses_what_the_backend_cannot_take(settings, changes, told):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default", "special"]}}
    with pytest.raises(InvalidTask, match=told):
        shared.nothing.using(**changes)


def test_using_makes_another_task_and_leaves_the_first_as_it_is():
    changed = shared.nothing.using(priority=-100, queue_name="slow", run_after=now() + HOUR)
    assert (changed.priority, changed.queue_name) == (-100, "slow")
    assert changed.using(priority=100).run_after == changed.run_after
    assert (shared.nothing.priority, shared.nothing.queue_name, shared.nothing.run_after) == (0, "default", None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.priority = 5


def test_a_task_is_validated_again_when_it_is_enqueued(backend, settings, jobs):
    late = shared.nothing.using(queue_name="elsewhere")
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default"]}}
    with pytest.raises(InvalidTask, match="Queue 'elsewhere' is not valid"):
        late.enqueue()
    with pytest.raises(InvalidTask, match="Queue 'elsewhere' is not valid"):
        async_to_sync(late.aenqueue)()
    assert jobs() == []


def test_enqueue_returns_a_result_that_is_ready(backend):
    before = now()
    result = shared.add.enqueue(1, b=2)
    assert isinstance(result, TaskResult)
    assert (result.task, result.backend) == (shared.add, "default")
    assert (result.status, result.is_finished) == (TaskResultStatus.READY, False)
    assert (result.args, result.kwargs) == ([1], {"b": 2})
    assert isinstance(result.id, str)
    assert len(result.id) < 64
    assert before <= result.enqueued_at <= now()
    assert (result.started_at, result.last_attempted_at, result.finished_at) == (None, None, None)
    assert (result.attempts, result.worker_ids, result.errors) == (0, [], [])
    with pytest.raises(ValueError, match="Task has not finished yet"):
        _ = result.return_value


@pytest.mark.parametrize(
    "enqueue",
    [
        lambda: tasks.special.enqueue("a", b="c"),
        lambda: async_to_sync(tasks.special.aenqueue)("a", b="c"),
        lambda: task_backends["default"].enqueue(tasks.special, ("a",), {"b": "c"}),
        lambda: async_to_sync(task_backends["default"].aenqueue)(tasks.special, ("a",), {"b": "c"}),
    ],
)
def test_every_way_to_enqueue_writes_the_same_job(backend, jobs, enqueue):
    result = enqueue()
    (job,) = jobs()
    assert (str(job["id"]), job["queue"], job["priority"]) == (result.id, "special", 7)
    assert (job["task"], job["arguments"]) == ("tests.integration.queue.tasks.special", '[["a"],{"b":"c"}]')
    assert (job["state"], job["attempt"], job["backend"]) == (1, 0, "default")
    assert job["enqueued_at"] == result.enqueued_at


def test_a_result_can_be_retrieved_by_its_id_as_it_was_enqueued(backend):
    later = now() + HOUR
    for enqueued in (shared.add.enqueue(1, b=(2,)), shared.add.using(priority=9, run_after=later).enqueue(3)):
        for found in (
            shared.add.get_result(enqueued.id),
            async_to_sync(shared.add.aget_result)(enqueued.id),
            backend.get_result(enqueued.id),
            async_to_sync(backend.aget_result)(enqueued.id),
        ):
            assert dataclasses.asdict(found) == dataclasses.asdict(enqueued)


@pytest.mark.parametrize("unknown", ["123456789", "0", "-1", "none", "", "1 ", "²", "9" * 30, None, 1.5])
def test_what_is_not_the_id_of_a_result_does_not_exist(backend, unknown):
    with pytest.raises(TaskResultDoesNotExist):
        backend.get_result(unknown)
    with pytest.raises(TaskResultDoesNotExist):
        shared.add.get_result(unknown)
    with pytest.raises(TaskResultDoesNotExist):
        async_to_sync(shared.add.aget_result)(unknown)


def test_a_result_of_another_task_is_a_mismatch(backend):
    result = shared.add.enqueue(1)
    with pytest.raises(TaskResultMismatch, match=r"received 'tests\.jobs\.add'"):
        shared.nothing.get_result(result.id)
    with pytest.raises(TaskResultMismatch):
        async_to_sync(shared.nothing.aget_result)(result.id)


def test_a_result_of_another_backend_does_not_exist_here(backend, settings):
    settings.TASKS = {"default": {"BACKEND": BACKEND}, "second": {"BACKEND": BACKEND}}
    result = shared.nothing.using(backend="second").enqueue()
    assert result.backend == "second"
    assert task_backends["second"].get_result(result.id).task.backend == "second"
    with pytest.raises(TaskResultDoesNotExist):
        task_backends["default"].get_result(result.id)


def test_a_result_whose_task_cannot_be_imported_here_does_not_exist_here(backend, database):
    ids = [shared.nothing.enqueue().id for _ in range(4)]
    paths = ("tests.jobs.gone", "tests.no_such_module.gone", "os.getpid", "tests.integration.queue.broken.task")
    for job, path in zip(ids, paths, strict=True):
        database.execute("UPDATE tandem_job SET task = %s WHERE id = %s", [path, int(job)])
        with pytest.raises(TaskResultDoesNotExist, match=re.escape(f"{job}: ")):
            backend.get_result(job)


def test_a_result_stays_readable_when_its_queue_was_taken_out_of_the_settings(backend, settings):
    enqueued = shared.add.using(queue_name="closed").enqueue(1)
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default"]}}
    assert shared.add.get_result(enqueued.id).task.queue_name == "closed"


def test_arguments_and_what_is_returned_travel_as_json(hand):
    result = tasks.echo.enqueue((1, (2, 3)), key={"tuple": (4,)}, none=None)
    assert (result.args, result.kwargs) == ([[1, [2, 3]]], {"key": {"tuple": [4]}, "none": None})
    hand.work()
    result.refresh()
    assert result.return_value == [[[1, [2, 3]]], {"key": {"tuple": [4]}, "none": None}]
    with pytest.raises(TypeError, match=r"args\[0\] is of type datetime"):
        tasks.echo.enqueue(now())


def test_a_job_whose_result_could_not_be_read_is_refused_and_not_written(backend, jobs):
    """How deep Python descends depends on its version: a job is either readable or refused."""
    written, told = [], []
    for depth in (100, 600, 5_000):
        value = []
        for _ in range(depth):
            value = [value]
        try:
            written.append(tasks.echo.enqueue(value).id)
        except InvalidJob as refused:
            told.append(str(refused))
    assert [str(job["id"]) for job in jobs()] == written
    assert [backend.get_result(job).id for job in written] == written
    assert written
    assert told
    assert set(told) == {
        "tests.integration.queue.tasks.echo: its arguments are nested too deeply; expected a few levels"
    }


def test_a_task_may_be_told_to_run_after_a_time_or_a_time_span(backend, jobs):
    later = now() + HOUR
    result = shared.nothing.using(run_after=later).enqueue()
    assert result.status == TaskResultStatus.READY
    assert result.task.run_after == later
    shared.nothing.using(run_after=HOUR).enqueue()
    shared.nothing.using(run_after=now() - HOUR).enqueue()
    at, span, past = jobs()
    assert (at["state"], at["due"], at["run_after"]) == (0, later, later)
    assert span["state"] == 0
    assert later <= span["due"] <= now() + HOUR
    assert past["state"] == 1


def test_without_time_zones_times_are_naive_in_the_projects_own(hand, settings, jobs):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Tokyo"
    connections["default"].close()
    local = datetime(2030, 1, 1, 9)  # noqa: DTZ001 - in Tokyo; midnight in UTC
    scheduled = shared.nothing.using(run_after=local).enqueue()
    assert jobs()[0]["run_after"] == datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert shared.nothing.get_result(scheduled.id).task.run_after == local
    result = shared.nothing.enqueue()
    assert result.enqueued_at.tzinfo is None
    assert abs(result.enqueued_at - (now() + 9 * HOUR).replace(tzinfo=None)) < timedelta(minutes=1)
    hand.work()
    enqueued_at = result.enqueued_at
    result.refresh()
    assert result.enqueued_at == enqueued_at <= result.started_at <= result.finished_at


def test_systems_checks_tell_of_a_database_that_cannot_carry_the_queue(settings, database):
    assert list(task_backends["default"].check()) == []
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"database": "nowhere"}}}
    (error,) = task_backends["default"].check()
    assert isinstance(error, checks.Error)
    assert (error.id, error.msg) == ("tandem.E101", "TASKS['default']: there is no DATABASES['nowhere'].")
    connections.settings["files"] = connections.configure_settings(
        {"default": {}, "files": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )["files"]
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"database": "files"}}}
    (error,) = task_backends["default"].check()
    del connections.settings["files"], connections["files"]
    assert error.id == "tandem.E102"
    assert "DATABASES['files'] is sqlite; expected PostgreSQL" in error.msg
