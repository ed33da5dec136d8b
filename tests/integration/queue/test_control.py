"""What a person may do: cancel, retry, pause, resume; one job, or all that a filter means."""

import os
import signal
import threading

import pytest
from django.db import connections, transaction
from django.db.transaction import TransactionManagementError

from django_tandem.errors import Cancelled, InvalidJob
from django_tandem.queue import control, lease, scheduler
from django_tandem.queue.control import Jobs
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus, task_backends
from tests import jobs as shared
from tests.integration.queue import policies, tasks
from tests.integration.queue.conftest import state_of
from tests.waiting import until

ADD, FAIL = "tests.jobs.add", "tests.jobs.fail"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "running"
    yield path
    path.unlink(missing_ok=True)


def begun(path):
    return path.exists() and path.read_text()


class TestCancel:
    def test_a_job_that_waits_ends_at_once_and_says_who_did_it(self, hand, jobs):
        result, other = shared.add.enqueue(1), shared.add.enqueue(2)
        assert control.cancel(Jobs(ids=[int(result.id)]), by="Ada") == (1, 0)
        result.refresh()
        assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 0)
        assert [(error.exception_class, error.traceback) for error in result.errors] == [
            (Cancelled, "cancelled by Ada")
        ]
        assert [str(job["id"]) for job in jobs()] == [other.id]

    @pytest.mark.parametrize(
        ("jobs_meant", "ended"),
        [
            (Jobs(queue="other"), {"other"}),
            (Jobs(task=FAIL), {"fail"}),
            (Jobs(state=State.SCHEDULED), {"later"}),
            (Jobs(task=ADD, queue="default"), {"later", "plain"}),
            (Jobs(every=True), {"other", "fail", "later", "plain"}),
            (Jobs(queue="nowhere"), set()),
        ],
    )
    def test_all_that_a_filter_means_end(self, hand, results, jobs_meant, ended):
        ids = {
            "other": shared.add.using(queue_name="other").enqueue(1).id,
            "fail": shared.fail.enqueue("x").id,
            "later": shared.add.using(run_after=policies.timedelta(hours=1)).enqueue(1).id,
            "plain": shared.add.enqueue(1).id,
        }
        assert control.count(jobs_meant) == (len(ended), 0)
        assert control.cancel(jobs_meant, by="Ada").ended == len(ended)
        assert {str(row["id"]) for row in results()} == {ids[name] for name in ended}

    def test_a_priority_means_those_of_at_least_it(self, hand, results, database):
        for priority in (-1, 0, 5, 9):
            shared.add.using(priority=priority).enqueue(1)
        assert control.count(Jobs(priority=5)) == (2, 0)
        assert control.cancel(Jobs(priority=5), by="Ada") == (2, 0)
        assert sorted(row["priority"] for row in results()) == [5, 9]
        assert control.count(Jobs(priority=9)) == (0, 1)
        assert control.retry(Jobs(priority=9)) == (1, 0)

    def test_no_more_than_wanted_are_counted(self, database):
        task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 9)
        assert control.count(Jobs(every=True), most=4) == (4, 0)
        assert control.count(Jobs(every=True), most=20) == (9, 0)

    def test_by_an_error_nothing_is_cancelled_least_of_all_everything(self, hand, jobs):
        shared.add.enqueue(1)
        meant = Jobs(error="builtins.ValueError")
        assert control.count(meant) == (0, 0)
        with pytest.raises(InvalidJob, match=r"error is 'builtins\.ValueError'; expected none for cancel"):
            control.cancel(meant, by="Ada")
        assert len(jobs()) == 1

    def test_more_than_fit_one_statement_end(self, database, jobs, monkeypatch):
        monkeypatch.setattr(control, "BATCH", 7)
        task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 30)
        assert control.cancel(Jobs(every=True), by="Ada").ended == 30
        assert jobs() == []

    def test_it_stops_between_batches_where_it_is_told_to(self, database, jobs, monkeypatch):
        monkeypatch.setattr(control, "BATCH", 7)
        task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 30)
        answers = iter([True, False])
        assert control.cancel(Jobs(every=True), by="Ada", go_on=lambda: next(answers)) == (14, 0)
        assert control.retry(Jobs(every=True), go_on=lambda: False) == (7, 0)
        assert control.count(Jobs(every=True)) == (16 + 7, 7)
        control.pause("task", shared.nothing.module_path, by="Ada", go_on=lambda: False)
        assert [job["state"] for job in jobs()].count(State.PAUSED) == 7
        control.resume("task", shared.nothing.module_path, go_on=lambda: False)
        assert [job["state"] for job in jobs()].count(State.PAUSED) == 0

    def test_a_job_that_waits_for_its_retry_ends_with_the_errors_that_it_had(self, hand):
        result = policies.fail_and_wait.enqueue()
        hand.work()
        control.cancel(Jobs(task=policies.fail_and_wait.module_path), by="Ada")
        result.refresh()
        assert [error.exception_class for error in result.errors] == [OSError, Cancelled]
        assert result.attempts == 1

    @pytest.mark.parametrize("task", [tasks.wait_for, tasks.await_for])
    def test_a_job_that_runs_is_interrupted(self, start_worker, path, finished, task):
        result = task.enqueue(str(path))
        worker = start_worker()
        until(lambda: begun(path))
        assert control.cancel(Jobs(ids=[int(result.id)]), by="Ada") == (0, 1)
        assert (finished(1)[result.id]["state"], finished(1)[result.id]["attempt"]) == (State.FAILED, 1)
        result.refresh()
        assert [error.exception_class for error in result.errors] == [Cancelled]
        assert "cancelled by Ada" in result.errors[0].traceback
        after = shared.add.enqueue(1)
        assert finished(2)[after.id]["worker"] == worker.pid

    def test_a_job_that_is_held_and_has_not_begun_ends_without_beginning(self, start_worker, path, finished, jobs):
        first, held = tasks.wait_for.enqueue(str(path)), tasks.wait_for.enqueue(str(path) + "-held")
        start_worker(threads=1)
        until(lambda: begun(path))
        control.cancel(Jobs(ids=[int(held.id)]), by="Ada")
        assert finished(1)[held.id]["state"] == State.FAILED
        assert not os.path.exists(str(path) + "-held")  # noqa: PTH110
        assert [str(job["id"]) for job in jobs()] == [first.id]

    def test_it_is_not_retried(self, start_worker, path, finished):
        result = policies.make_group_slowly.enqueue("made", str(path))
        start_worker()
        until(lambda: begun(path))
        control.cancel(Jobs(ids=[int(result.id)]), by="Ada")
        assert (finished(1)[result.id]["state"], finished(1)[result.id]["attempt"]) == (State.FAILED, 1)

    def test_it_ends_too_when_its_worker_dies_before_it_hears_of_it(self, start_worker, database, path, finished):
        result = tasks.wait_for.enqueue(str(path))
        worker = start_worker()
        until(lambda: begun(path))
        worker.send(signal.SIGSTOP)
        control.cancel(Jobs(ids=[int(result.id)]), by="Ada")
        worker.send(signal.SIGKILL)
        worker.wait()
        lease.put_back(database, worker.server, worker.pid, [int(result.id)])
        scheduler.end_cancelled(database)
        assert finished(1)[result.id]["state"] == State.FAILED


class TestRetry:
    @pytest.fixture
    def failed(self, hand):
        result = shared.fail.enqueue("once")
        hand.work()
        return result

    def test_a_failed_job_begins_again_as_itself_with_what_happened_kept(self, hand, failed, results, jobs):
        assert control.count(Jobs(task=FAIL)) == (0, 1)
        assert control.retry(Jobs(ids=[int(failed.id)])) == (1, 0)
        assert results() == []
        (job,) = jobs()
        assert (str(job["id"]), job["state"], job["attempt"], job["forgiven"]) == (failed.id, State.READY, 1, 1)
        failed.refresh()
        assert (failed.status, len(failed.errors)) == (TaskResultStatus.READY, 1)
        hand.work()
        failed.refresh()
        assert (failed.status, failed.attempts, len(failed.errors)) == (TaskResultStatus.FAILED, 2, 2)

    def test_its_tasks_retry_counts_from_the_start(self, hand, tmp_path):
        now = str(tmp_path / "now")
        result = policies.fail_until.enqueue(9, now)
        for turn in range(3):
            assert turn == 0 or scheduler.promote(hand.connection) == 1
            (outcome,) = hand.work()
        assert outcome.state is State.FAILED
        control.retry(Jobs(ids=[int(result.id)]))
        (outcome,) = hand.work()
        assert outcome.state is State.SCHEDULED

    @pytest.mark.parametrize(
        ("meant", "found"),
        [(Jobs(error="builtins.ValueError"), 1), (Jobs(error="builtins.OSError"), 0), (Jobs(task=ADD), 0),
         (Jobs(every=True), 1), (Jobs(state=State.FAILED), 1), (Jobs(state=State.READY), 0)],
    )  # fmt: skip
    def test_of_all_that_a_filter_means_the_failed_ones(self, hand, failed, meant, found):
        shared.add.enqueue(1)
        hand.work()
        assert control.count(meant).failed == found
        assert control.retry(meant) == (found, 0)

    def test_its_priority_counts_from_now_on(self, hand, jobs):
        urgent = shared.fail.using(priority=100).enqueue("x")
        hand.work()
        control.retry(Jobs(ids=[int(urgent.id)]))
        shared.add.enqueue(1)
        assert [str(job.id) for job in hand.claim(1)] == [urgent.id]

    def test_more_than_fit_one_statement_are_retried_past_those_that_are_not(self, hand, jobs, monkeypatch):
        monkeypatch.setattr(control, "BATCH", 3)
        for _ in range(5):
            policies.fail_alone.enqueue(7)
            hand.work()
        plain = [shared.fail.enqueue("x").id for _ in range(5)]
        hand.work(5)
        policies.fail_alone.enqueue(7)
        assert control.retry(Jobs(every=True)) == (5, 5)
        assert [str(job["id"]) for job in jobs()][:5] == plain
        assert control.count(Jobs(every=True)) == (6, 5)

    def test_a_worker_is_told(self, start_worker, failed, finished):
        start_worker()
        control.retry(Jobs(ids=[int(failed.id)]))
        until(lambda: failed.id in finished(1) and finished(1)[failed.id]["attempt"] == 2)


class TestRetryOfUniqueJobs:
    """A retried job has its key again, and is not retried where another has it."""

    def test_it_is_the_only_one_again(self, hand, jobs):
        first = policies.fail_alone.enqueue(7)
        hand.work()
        assert control.retry(Jobs(ids=[int(first.id)])) == (1, 0)
        assert policies.fail_alone.enqueue(7).id == first.id
        assert len(jobs()) == 1
        assert policies.fail_alone.enqueue(8).id != first.id

    def test_where_another_is_unfinished_it_stays_failed(self, hand, jobs, results):
        first = policies.fail_alone.enqueue(7)
        hand.work()
        second = policies.fail_alone.enqueue(7)
        (before,) = results()
        assert control.retry(Jobs(every=True)) == (0, 1)
        assert [str(job["id"]) for job in jobs()] == [second.id]
        assert results() == [before]
        first.refresh()
        assert (first.status, first.attempts) == (TaskResultStatus.FAILED, 1)
        hand.work()
        assert control.retry(Jobs(ids=[int(first.id)])) == (1, 0)

    def test_of_several_that_failed_one_comes_back(self, hand, jobs):
        ids = []
        for _ in range(3):
            ids.append(policies.fail_alone.enqueue(7).id)
            hand.work()
        assert control.retry(Jobs(every=True)) == (1, 2)
        assert [str(job["id"]) for job in jobs()] == ids[:1]

    def test_many_at_the_same_time_bring_back_one(self, hand, jobs, results):
        for _ in range(3):
            policies.fail_alone.enqueue(7)
            hand.work()
        told, ids = [], [row["id"] for row in results()]

        def retry(job):
            told.append(control.retry(Jobs(ids=[job])))
            connections.close_all()

        threads = [threading.Thread(target=retry, args=(job,)) for job in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == [(0, 1), (0, 1), (1, 0)]
        assert (len(jobs()), len(results())) == (1, 2)

    def test_it_keeps_its_key_through_whatever_ended_it(self, hand, database, jobs):
        cancelled = policies.fail_alone.enqueue(7)
        control.cancel(Jobs(ids=[int(cancelled.id)]), by="Ada")
        control.retry(Jobs(ids=[int(cancelled.id)]))
        assert policies.fail_alone.enqueue(7).id == cancelled.id
        database.execute("UPDATE tandem_job SET expires_at = now() - interval '1 s'")
        scheduler.expire(database)
        control.retry(Jobs(ids=[int(cancelled.id)]))
        assert policies.fail_alone.enqueue(7).id == cancelled.id
        hand.claim()
        database.execute("UPDATE tandem_job SET deaths = 9")
        assert lease.put_back(database, *hand.owner, begun=[int(cancelled.id)]) == 0
        assert jobs() == []
        control.retry(Jobs(ids=[int(cancelled.id)]))
        assert policies.fail_alone.enqueue(7).id == cancelled.id

    def test_one_that_may_be_replaced_may_be_again(self, hand, jobs):
        first = policies.fail_or_be_replaced.enqueue(7, note="old")
        hand.work()
        assert control.retry(Jobs(ids=[int(first.id)])) == (1, 0)
        assert policies.fail_or_be_replaced.enqueue(7, note="new").id == first.id
        (job,) = jobs()
        assert '"new"' in job["arguments"]
        hand.work()
        assert control.retry(Jobs(ids=[int(first.id)])) == (1, 0)
        assert policies.fail_or_be_replaced.enqueue(7, note="newer").id == first.id

    def test_one_that_was_replaced_meanwhile_is_not_retried(self, hand, jobs):
        first = policies.fail_or_be_replaced.enqueue(7, note="old")
        hand.work()
        second = policies.fail_or_be_replaced.enqueue(7, note="new")
        assert control.retry(Jobs(ids=[int(first.id)])) == (0, 1)
        assert [str(job["id"]) for job in jobs()] == [second.id]


class TestIsKnown:
    @pytest.mark.parametrize(
        ("kind", "name", "known"),
        [("task", ADD, True), ("task", "tests.jobs.ad", False), ("task", "add", False), ("task", "os.getpid", False),
         ("queue", "default", True), ("queue", "defualt", False)],
    )  # fmt: skip
    def test_by_the_code_here(self, database, kind, name, known, settings):
        settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["default", "slow"]}}
        assert control.is_known(kind, name) is known

    def test_by_a_job(self, database):
        shared.add.using(queue_name="other").enqueue(1)
        database.execute("UPDATE tandem_job SET task = 'gone.tasks.add'")
        assert control.is_known("queue", "other")
        assert control.is_known("task", "gone.tasks.add")
        assert not control.is_known("task", "other")


class TestPause:
    @pytest.fixture(autouse=True)
    def nothing_paused(self, database):
        yield
        database.execute("DELETE FROM tandem_pause")

    def test_jobs_of_a_paused_queue_wait_and_those_of_others_do_not(self, hand):
        assert control.pause("queue", "default", by="Ada")
        assert not control.pause("queue", "default", by="Bob")
        shared.add.enqueue(1)
        other = shared.add.using(queue_name="other").enqueue(2)
        assert [str(job.id) for job in hand.claim(5, queues=("default", "other"))] == [other.id]
        assert [(pause.kind, pause.name, pause.by) for pause in control.paused()] == [("queue", "default", "Ada")]
        assert control.resume("queue", "default")
        assert not control.resume("queue", "default")
        assert len(hand.claim(5)) == 1

    def test_jobs_of_a_paused_task_leave_the_ready_index_and_come_back(self, hand, jobs, monkeypatch):
        monkeypatch.setattr(control, "BATCH", 3)
        ids = [shared.add.enqueue(number).id for number in range(8)]
        other = shared.nothing.enqueue()
        control.pause("task", ADD, by="Ada")
        assert state_of(jobs) == [("PAUSED", 0)] * 8 + [("READY", 0)]
        assert shared.add.get_result(ids[0]).status is TaskResultStatus.READY
        assert [str(job.id) for job in hand.claim(5)] == [other.id]
        control.resume("task", ADD)
        assert [str(job.id) for job in hand.claim(20)] == ids

    def test_a_paused_job_can_be_cancelled(self, database, jobs):
        shared.add.enqueue(1)
        control.pause("task", ADD, by="Ada")
        assert control.cancel(Jobs(every=True), by="Ada").ended == 1
        assert jobs() == []

    def test_a_worker_parks_what_is_enqueued_meanwhile_and_works_on(self, start_worker, jobs, finished, results):
        control.pause("task", ADD, by="Ada")
        start_worker()
        paused = [shared.add.enqueue(number).id for number in range(3)]
        other = shared.nothing.enqueue()
        assert list(finished(1)) == [other.id]
        until(lambda: state_of(jobs) == [("PAUSED", 0)] * 3)
        control.resume("task", ADD)
        assert set(finished(4)) == {*paused, other.id}
        assert {row["attempt"] for row in results()} == {1}

    def test_what_a_worker_holds_of_a_queue_goes_back_when_it_is_paused(self, start_worker, path, jobs, finished):
        start_worker(threads=1)
        task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 60)  # as jobs are short, many are held
        finished(60)
        first = tasks.wait_for.enqueue(str(path))
        until(lambda: begun(path))
        held = shared.nothing.enqueue()
        control.pause("queue", "default", by="Ada")
        until(lambda: (held.id, State.READY) in [(str(job["id"]), State(job["state"])) for job in jobs()])
        path.unlink()
        assert first.id in finished(61)
        assert [(str(job["id"]), State(job["state"])) for job in jobs()] == [(held.id, State.READY)]
        control.resume("queue", "default")
        assert held.id in finished(62)

    def test_what_was_parked_too_late_comes_back(self, hand, database, jobs):
        shared.add.enqueue(1)
        database.execute("UPDATE tandem_job SET state = 6")
        scheduler.unpark(database)
        assert state_of(jobs) == [("READY", 0)]


class TestDrain:
    @pytest.fixture(autouse=True)
    def nothing_paused(self, database):
        yield
        database.execute("DELETE FROM tandem_pause")

    def test_what_runs_ends_and_what_waits_stays(self, start_worker, path, jobs, finished):
        first = tasks.wait_for.enqueue(str(path))
        start_worker(threads=1)
        until(lambda: begun(path))
        waits = shared.add.enqueue(1)
        seen = []

        def look(stands):
            seen.append(stands)
            if [job.id for job in stands.running] == [int(first.id)]:  # what was held went back
                path.unlink(missing_ok=True)

        assert control.drain("default", by="Ada", on_look=look) == (True, True, True, [])
        assert seen[-1].is_empty
        assert not seen[0].is_empty
        assert first.id in finished(1)
        assert [(str(job["id"]), State(job["state"])) for job in jobs()] == [(waits.id, State.READY)]
        assert control.drain("default", by="Bob") == (False, True, True, [])
        control.resume("queue", "default")
        assert waits.id in finished(2)

    @pytest.mark.parametrize("wait", [0, 0.3])
    def test_no_longer_than_it_may_and_it_says_what_runs(self, hand, wait):
        result = shared.add.enqueue(1)
        shared.add.using(queue_name="other").enqueue(1)
        hand.claim(2, queues=("default", "other"))
        running = (int(result.id), ADD, hand.owner.server, hand.owner.worker)
        assert control.drain("default", by="Ada", wait=wait) == (True, True, False, [running])
        assert [pause.name for pause in control.paused()] == ["default"]

    def test_a_claim_that_did_not_see_the_pause_is_waited_for(self, others):
        """It has begun, and its transaction has not ended: what it claims is not to be seen yet."""
        worker = others("worker 1-2")
        with worker.transaction():
            worker.execute("SELECT 1")
            assert control.drain("default", by="Ada", wait=0) == (True, True, False, [])
        assert control.drain("default", by="Ada", wait=20).is_empty

    def test_who_resumes_it_ends_it(self, hand):
        shared.add.enqueue(1)
        hand.claim()
        looked = control.drain("default", by="Ada", on_look=lambda _: control.resume("queue", "default"))
        assert (looked.is_paused, looked.is_empty, len(looked.running)) == (False, False, 1)

    def test_inside_a_transaction_it_is_refused(self, database):
        with transaction.atomic(), pytest.raises(TransactionManagementError, match="call it outside atomic"):
            control.drain("default", by="Ada")
        assert control.paused() == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: control.drain("", by="Ada"), "name is ''; expected that of a queue"),
        (lambda: control.drain("default", by="Ada", wait=-1), "wait is -1; expected seconds, 0 or more, or None"),
        (lambda: Jobs(), "expected ids, queue, task, state, error or priority, or every=True"),
        (lambda: Jobs(every=True, queue="default"), "expected ids, queue"),
        (lambda: control.pause("server", "x", by="Ada"), "kind is 'server'; expected 'queue' or 'task'"),
        (lambda: control.resume("queue", ""), "name is ''; expected that of a queue"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, told):
    with pytest.raises(InvalidJob, match=told):
        wrong()
