"""What workers lose, and what is done about it: the process, the time, the connections, the database."""

import os
import signal

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from django_tandem.queue import lease
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus, task_backends
from tests import jobs as shared
from tests.integration.queue import tasks
from tests.integration.queue.conftest import backends
from tests.waiting import until


@pytest.fixture
def path(tmp_path):
    """The file of a job that runs until it is removed; the job writes its process id into it."""
    path = tmp_path / "running"
    yield path
    path.unlink(missing_ok=True)


def written(path):
    return path.exists() and path.read_text()


def terminate(database):
    """End all connections of workers: the queue's, and Django's in which their tasks run; how many there were."""
    connection.ensure_connection()
    query = """
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> ALL (%s::integer[]) AND backend_type = 'client backend'
            AND (application_name LIKE 'tandem worker%%' OR application_name = '')"""
    ours = [database.info.backend_pid, connection.connection.info.backend_pid]
    return database.execute(query, [ours]).rowcount


def test_a_job_whose_worker_is_killed_begins_again_and_its_neighbours_attempts_do_not_count(
    start_worker, path, jobs, results
):
    first = tasks.wait_for.enqueue(str(path), then="done")
    held = shared.add.enqueue(1)
    start_worker(supervised=True, threads=1)
    killed = until(lambda: written(path))
    os.kill(int(killed), signal.SIGKILL)
    again = until(lambda: written(path) not in (killed, "", False) and written(path))
    first.refresh()
    assert (first.status, first.attempts) == (TaskResultStatus.RUNNING, 2)
    assert first.worker_ids == [f"{jobs()[0]['server']}-{pid}" for pid in (killed, again)]
    path.unlink()
    until(lambda: len(results()) == 2)
    first.refresh()
    held.refresh()
    assert (first.return_value, first.attempts, held.attempts) == ("done", 2, 1)
    assert [error.exception_class.__name__ for error in first.errors] == ["WorkerDied"]
    assert first.started_at < first.last_attempted_at


def test_a_job_that_kills_its_worker_each_time_fails_and_the_others_are_done(start_worker, results, jobs):
    deadly = shared.kill_worker.enqueue()
    others = [shared.add.enqueue(number) for number in range(20)]
    worker = start_worker(supervised=True, threads=1)
    until(lambda: len(results()) == 21, 30)
    deadly.refresh()
    assert (deadly.status, deadly.attempts, len(set(deadly.worker_ids))) == (TaskResultStatus.FAILED, 3, 3)
    assert [error.traceback for error in deadly.errors] == ["its worker process died"] * 3
    for other in others:
        other.refresh()
        assert (other.status, other.attempts) == (TaskResultStatus.SUCCESSFUL, 1)
    assert f"job {deadly.id} of server {worker.server} failed: its worker died under it 3 times" in worker.log
    assert jobs() == []


def test_a_frozen_worker_whose_job_was_rescued_writes_nothing_when_it_wakes(
    start_worker, other_server, path, database, results
):
    job = tasks.wait_for.enqueue(str(path))
    frozen = start_worker()
    until(lambda: written(path) == str(frozen.pid))
    frozen.send(signal.SIGSTOP)
    database.execute("UPDATE tandem_server SET heartbeat_at = now() - interval '1 min' WHERE id = %s", [frozen.server])
    assert lease.rescue_silent(database) == 1
    other = start_worker(server=other_server)
    until(lambda: written(path) == str(other.pid))
    path.unlink()
    until(results)
    frozen.send(signal.SIGCONT)
    frozen.says(
        f"ERROR job {job.id} (tests.integration.queue.tasks.wait_for, attempt 1): lease lost, its outcome is dropped"
    )
    (row,) = results()
    assert (row["server"], row["worker"], row["attempt"]) == (other_server, other.pid, 2)

    lease.renew(database, frozen.server, "active")  # it was only slow: it works on
    other.stop()
    shared.add.enqueue(1)
    until(lambda: len(results()) == 2)
    assert results()[1]["worker"] == frozen.pid


def test_a_frozen_worker_whose_job_another_still_runs_does_not_finish_it(
    start_worker, other_server, path, tmp_path, database, jobs
):
    tasks.wait_for.enqueue(str(path))
    frozen = start_worker()
    until(lambda: written(path) == str(frozen.pid))
    frozen.send(signal.SIGSTOP)
    lease.retire(database, frozen.server)
    database.execute("UPDATE tandem_job SET state = 2, server = %s, worker = 1, attempt = 2", [other_server])
    (before,) = jobs()
    path.unlink()
    frozen.send(signal.SIGCONT)
    frozen.says("lease lost, its outcome is dropped")
    assert jobs() == [before]


def test_when_all_connections_break_while_jobs_run_nothing_is_lost_and_nothing_doubled(
    start_worker, database, tmp_path, results, jobs
):
    lines = tmp_path / "lines"
    ids = task_backends["default"].enqueue_many(
        shared.append_slowly, [((str(lines), str(n), 0.004), {}) for n in range(300)]
    )
    worker = start_worker()
    for done in (20, 80, 140, 200):
        until(lambda done=done: len(results()) >= done)
        assert terminate(database)
    until(lambda: len(results()) >= 300)
    assert sorted(row["id"] for row in results()) == list(map(int, ids))
    assert {(row["state"], row["attempt"]) for row in results()} == {(State.SUCCESSFUL, 1)}
    assert jobs() == []
    begun = [line.split()[1] for line in lines.read_text().splitlines() if line.startswith("begin")]
    assert sorted(map(int, begun)) == list(range(300))
    assert "WARNING the database does not answer" in worker.log
    assert "INFO the database answers again" in worker.log
    assert worker.stop() == 0


def test_a_connection_that_breaks_beside_a_statement_that_waits_holds_up_nothing(
    start_worker, path, database, others, results, rows
):
    """The thread that waits for the statement's answer must hear of it, and its outcome arrives once."""
    tasks.wait_for.enqueue(str(path))
    worker = start_worker(threads=1)
    until(lambda: written(path))
    with others().transaction() as blocking:
        blocking.connection.execute("LOCK TABLE tandem_result IN ACCESS EXCLUSIVE MODE")
        path.unlink()
        waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
        name = f"tandem worker {worker.server}-{worker.pid}"
        (blocked,) = until(lambda: rows(waiting, name))
        for pid in backends(database, name):
            if pid != blocked["pid"]:
                database.execute("SELECT pg_terminate_backend(%s::integer, 5000)", [pid])
        worker.says("the database does not answer")
    worker.says("the database answers again")
    until(results)
    assert [(row["state"], row["attempt"]) for row in results()] == [(State.SUCCESSFUL, 1)]
    assert worker.stop() == 0
    assert "lease lost" not in worker.log


def test_a_database_that_refuses_results_is_not_besieged_and_gets_them_when_it_takes_them(
    start_worker, database, path, results
):
    tasks.wait_for.enqueue(str(path))
    worker = start_worker(threads=1)
    until(lambda: written(path))
    database.execute("ALTER TABLE tandem_result RENAME TO elsewhere")
    try:
        path.unlink()
        worker.says('the database refuses (relation "tandem_result" does not exist')
    finally:
        database.execute("ALTER TABLE elsewhere RENAME TO tandem_result")
    until(results)
    assert [(row["state"], row["attempt"]) for row in results()] == [(State.SUCCESSFUL, 1)]
    assert worker.log.count("the database refuses") <= 2


def test_a_slot_that_fails_ends_its_process_so_that_its_jobs_come_back(start_worker, path, results):
    tasks.break_the_slots.enqueue(str(path))
    shared.add.enqueue(1)
    worker = start_worker(supervised=True, threads=1)
    until(lambda: len(results()) == 2)
    assert "tandem-slot-0: the worker process ends" in worker.log
    assert {row["state"] for row in results()} == {State.SUCCESSFUL}
    assert max(row["attempt"] for row in results()) == 2


def test_a_worker_that_cannot_keep_timeouts_ends_so_that_its_jobs_come_back(start_worker, path, finished):
    job = tasks.break_the_timeouts.enqueue(str(path))
    worker = start_worker(supervised=True, threads=1)
    row = finished(1)[job.id]
    assert (row["state"], row["attempt"]) == (State.SUCCESSFUL, 2)
    assert "tandem-timeouts: the worker process ends" in worker.log


class TestWithoutDatabase:
    """The database refuses connections for a while."""

    @pytest.fixture
    def allow(self, database):
        with psycopg.connect(os.environ["TANDEM_TEST_DATABASE_URL"], autocommit=True) as maintenance:

            def allow(yes):
                name = sql.Identifier(database.info.dbname)
                maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.Literal(yes)))
                if not yes:
                    until(lambda: terminate(database) + 1 and not backends(database, "tandem worker%"))

            yield allow
            allow(True)

    def test_what_runs_goes_on_and_its_outcome_is_written_when_it_is_back(
        self, start_worker, path, database, allow, results
    ):
        first = tasks.wait_for.enqueue(str(path), then="kept")
        worker = start_worker()
        until(lambda: written(path))
        allow(False)
        worker.says("the database does not answer")
        path.unlink()
        second = shared.add.enqueue(1)  # this process still has its connection
        allow(True)
        worker.says("the database answers again")
        until(lambda: len(results()) == 2)
        first.refresh()
        second.refresh()
        assert (first.return_value, first.attempts, first.errors) == ("kept", 1, [])
        assert (second.return_value, second.attempts) == (1, 1)

    def test_term_waits_for_it_up_to_the_deadline_writes_what_was_done_and_claims_no_more(
        self, start_worker, path, allow, jobs
    ):
        job = tasks.wait_for.enqueue(str(path), then="kept")
        worker = start_worker(drain=20)
        until(lambda: written(path))
        allow(False)
        worker.says("the database does not answer")
        worker.send(signal.SIGTERM)
        path.unlink()
        late = shared.add.enqueue(1)
        allow(True)
        assert worker.wait() == 0
        job.refresh()
        assert job.return_value == "kept"
        assert [(str(row["id"]), row["state"], row["attempt"]) for row in jobs()] == [(late.id, State.READY, 0)]

    def test_a_worker_that_never_gets_it_back_ends_at_the_deadline(self, start_worker, path, allow, jobs, database):
        tasks.wait_for.enqueue(str(path))
        worker = start_worker(drain=1)
        until(lambda: written(path))
        allow(False)
        worker.says("the database does not answer")
        assert worker.stop() == 1
        allow(True)
        assert [job["state"] for job in jobs()] == [State.RUNNING]
        assert lease.put_back(database, worker.server, worker.pid, [jobs()[0]["id"]]) == 1
