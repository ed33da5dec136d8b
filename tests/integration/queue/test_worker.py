"""Worker processes in their ordinary life: they run what is theirs, yield to the urgent and to the fence, and drain."""

import signal
import statistics
import time

import pytest
from django.contrib.auth.models import Group

from django_tandem.processes.child import RECYCLED
from django_tandem.queue import fence, lease
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus, task_backends
from tests import jobs as shared
from tests.integration.queue import tasks
from tests.integration.queue.conftest import RELEASE, backends, state_of
from tests.waiting import until


def test_functions_and_coroutines_run_whatever_they_do_and_nothing_is_left(start_worker, finished, rows, database):
    def connected():
        return {row["pid"] for row in rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")}

    worker = start_worker(threads=2, coroutines=5)
    good = [
        (shared.add.enqueue(1, b=2), 3),
        (tasks.aecho.enqueue("a", b=None), [["a"], {"b": None}]),
        (shared.asleep.enqueue(0.01), "awake"),
    ]
    context = [shared.told.enqueue("function"), tasks.atold.enqueue("coroutine")]
    bad = [
        (shared.fail.enqueue("no"), "ValueError"),
        (shared.leave.enqueue(), "SystemExit"),
        (tasks.odd.enqueue(), "Odd"),
        (tasks.aleave.enqueue(), "SystemExit"),
        (tasks.unserialisable.enqueue(), "InvalidResult"),
        (shared.nothing.enqueue("too many"), "TypeError"),
    ]
    groups = [shared.make_group.enqueue("by a function"), shared.amake_group.enqueue("by a coroutine")]
    nested = tasks.make_group_and_enqueue_another.enqueue("first", "second")
    finished(len(good) + len(context) + len(bad) + len(groups) + 2)
    mine = connected()

    for result, returned in good:
        result.refresh()
        assert result.return_value == returned
        assert result.worker_ids == [f"{worker.server}-{worker.pid}"]
    for result, word in zip(context, ("function", "coroutine"), strict=True):
        result.refresh()
        assert result.return_value == [word, 1, result.id]
    for result, error in bad:
        result.refresh()
        assert result.status == TaskResultStatus.FAILED
        assert result.errors[0].exception_class.__name__ == error
    for result in (*groups, nested):
        result.refresh()
        assert result.status == TaskResultStatus.SUCCESSFUL
    assert set(Group.objects.values_list("name", flat=True)) == {"by a function", "by a coroutine", "first", "second"}
    assert worker.stop() == 0
    assert worker.log.splitlines()[-1] == "INFO drained"
    until(lambda: len(connected()) < len(mine) and not backends(database, "tandem worker%"))
    assert connected() <= mine


def test_coroutines_run_side_by_side_and_beyond_their_slots_in_threads(start_worker, finished):
    ids = task_backends["default"].enqueue_many(shared.asleep, [((0.6,), {})] * 7)
    start_worker(threads=1, coroutines=5)
    rows = finished(7)
    assert [rows[job]["return_value"] for job in ids] == ['"awake"'] * 7
    first_end = min(row["finished_at"] for row in rows.values())
    assert len([row for row in rows.values() if row["started_at"] < first_end]) == 6

    ids = task_backends["default"].enqueue_many(shared.asleep, [((0.6,), {})] * 5)  # the slots are free again
    rows = [finished(12)[job] for job in ids]
    assert max(row["started_at"] for row in rows) < min(row["finished_at"] for row in rows)


def test_only_the_queues_of_the_worker_are_served(start_worker, finished, jobs):
    other = shared.add.using(queue_name="other", priority=100).enqueue(1)
    mine = [shared.add.using(queue_name=queue).enqueue(2) for queue in ("a b", "c")]
    start_worker(queues=["a b", "c"])
    assert set(finished(2)) == {one.id for one in mine}
    assert [str(job["id"]) for job in jobs()] == [other.id]


def test_an_idle_worker_begins_a_job_when_it_is_announced_not_when_it_looks_again(start_worker, finished):
    start_worker().says("active")
    waited = []
    for number in range(9):
        job = shared.nothing.enqueue()
        row = finished(number + 1)[job.id]
        waited.append((row["started_at"] - row["enqueued_at"]).total_seconds())
    assert statistics.median(waited) < 0.2  # it looks every second


def test_a_worker_whose_release_the_fence_does_not_name_claims_nothing(start_worker, finished, database, running, jobs):
    new = start_worker(release="new").says("standby: this is release new, the fence names test")
    old = start_worker().says("active: the fence names this release, test, at epoch 1")
    path = running()
    until(path.exists)
    assert path.read_text() == str(old.pid)

    fence.activate(database, "new")
    old.says("standby: this is release test, the fence names new")
    new.says("active: the fence names this release, new, at epoch 2")
    after = [shared.add.enqueue(number) for number in range(20)]
    rows = finished(20)
    assert {rows[one.id]["worker"] for one in after} == {new.pid}
    path.unlink()  # what the old one runs it may finish
    assert {row["worker"] for row in finished(21).values()} == {new.pid, old.pid}
    assert jobs() == []


def test_term_lets_what_runs_end_and_what_is_held_goes_back(start_worker, finished, running, jobs):
    path = running()
    held = shared.add.enqueue(1)
    worker = start_worker(threads=1)
    until(path.exists)
    worker.send(signal.SIGTERM)
    until(lambda: state_of(jobs) == [("RUNNING", 1), ("READY", 0)])
    late = shared.add.enqueue(2)
    assert worker.process.poll() is None
    path.unlink()
    assert worker.wait() == 0
    assert state_of(jobs) == [("READY", 0), ("READY", 0)]
    assert [str(job["id"]) for job in jobs()] == [held.id, late.id]
    (row,) = finished(1).values()
    assert (row["state"], row["attempt"]) == (State.SUCCESSFUL, 1)


def test_a_worker_that_has_done_its_share_lets_what_runs_end_and_gives_the_rest_back(
    start_worker, running, finished, jobs
):
    path = running()
    for number in range(50):
        shared.append_slowly.enqueue(f"{path}-lines", str(number), 0.05)
    worker = start_worker(threads=2, recycle_jobs=4, drain=0.01)
    worker.says("INFO recycling: it has begun")
    until(lambda: ("READY", 0) in state_of(jobs) and state_of(jobs).count(("RUNNING", 1)) == 1)
    assert worker.process.poll() is None
    path.unlink()
    assert worker.wait() == RECYCLED
    assert set(state_of(jobs)) == {("READY", 0)}
    rows = finished(4)
    assert {row["attempt"] for row in rows.values()} == {1}
    assert len(rows) + len(jobs()) == 51


def test_coroutines_count_too(start_worker, finished):
    for _ in range(50):
        shared.asleep.enqueue(0.01)
    worker = start_worker(threads=1, coroutines=2, recycle_jobs=4)
    assert worker.wait() == RECYCLED
    assert 4 <= len(finished(4)) < 50


def test_int_drains_as_term_does(start_worker, running):
    path = running()
    worker = start_worker()
    until(path.exists)
    worker.send(signal.SIGINT)
    path.unlink()
    assert worker.wait() == 0


def test_after_the_drain_deadline_what_runs_goes_back_and_the_attempt_counts(start_worker, running, jobs, results):
    paths = running(), running(tasks.await_for)
    worker = start_worker(drain=0.3)
    until(lambda: all(path.exists() for path in paths))
    began = time.monotonic()
    assert worker.stop() == 1
    assert time.monotonic() - began < 10
    assert "drain deadline passed: 2 running job(s) go back" in worker.log
    assert state_of(jobs) == [("READY", 1)] * 2
    assert results() == []
    for job in jobs():
        result = task_backends["default"].get_result(str(job["id"]))
        assert (result.status, result.attempts) == (TaskResultStatus.READY, 1)
        assert [error.traceback for error in result.errors] == ["the drain deadline of its worker passed"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("tests.jobs.gone", 'does not define a "gone"'),
        ("tests.integration.queue.broken.task", "its module raises RuntimeError: this module is broken"),
    ],
)
def test_a_job_whose_task_cannot_be_imported_here_is_put_back_and_reported(
    start_worker, finished, jobs, database, path, why
):
    unknown = [shared.nothing.enqueue().id for _ in range(3)]
    database.execute("UPDATE tandem_job SET task = %s", [path])
    worker = start_worker(threads=1)
    known = shared.add.enqueue(1)
    assert list(finished(1)) == [known.id]
    until(lambda: state_of(jobs) == [("SCHEDULED", 0)] * 3)
    for job in unknown:
        assert f"ERROR job {job} put back: this release cannot import {path}" in worker.log
    assert why in worker.log
    assert worker.stop() == 0


def test_two_workers_share_a_backlog_and_nothing_is_done_twice(start_worker, finished, tmp_path, jobs):
    path = tmp_path / "lines"
    ids = task_backends["default"].enqueue_many(shared.append, [((str(path), str(n)), {}) for n in range(2000)])
    for _ in range(2):
        start_worker()
    rows = finished(2000, seconds=60)
    assert sorted(rows, key=int) == ids
    assert sorted(map(int, path.read_text().split())) == list(range(2000))
    assert {row["attempt"] for row in rows.values()} == {1}
    assert jobs() == []


def test_a_worker_that_waits_on_an_empty_fence_begins_when_its_release_takes_it(start_worker, finished, database):
    database.execute("UPDATE tandem_fence SET release = NULL, epoch = 0")
    worker = start_worker().says("standby: this is release test, the fence names none")
    job = shared.add.enqueue(1)
    fence.take_if_empty(database, RELEASE)
    assert list(finished(1)) == [job.id]
    assert lease.retire(database, worker.server) == 0
