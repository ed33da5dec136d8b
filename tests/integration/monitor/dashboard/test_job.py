"""One job's page, and what may be done there."""

import pytest

from django_tandem.queue import control, results
from django_tandem.queue.options import BACKEND
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.monitor.dashboard import made
from tests.keys import MARKER, OLD

PAGE = "/tandem/tasks/1/"


@pytest.fixture
def encrypted(settings):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"encrypt_keys": [OLD]}}}


def state(job):
    row = results.read("default", job)
    return row and row.state


def test_all_that_is_known_of_a_job_that_succeeded(ada, database):
    made.results(database, 1, arguments='[[1],{"name":"Zürich"}]', returned='{"score":7}')
    text = ada.text(PAGE)
    for words in ("successful", "tests.jobs.add", "(1, name=&quot;Zürich&quot;)", "{&quot;score&quot;:7}", "2.0 s"):
        assert words in text
    assert "/tandem/tasks/1/retry" not in text
    assert "/tandem/tasks/1/cancel" not in text


def test_attempts_with_their_tracebacks(ada, database):
    made.results(
        database, 1, error="builtins.ValueError", text="Traceback\n  postgresql://ada:hunter2@db\nValueError: no"
    )
    text = ada.text(PAGE)
    assert "Attempt 1: <strong>builtins.ValueError</strong>" in text
    assert "ValueError: no" in text
    assert "hunter2" not in text


def test_when_a_scheduled_job_becomes_ready(ada, database):
    made.jobs(database, 1, state=State.SCHEDULED, age="-2 h")
    assert "Becomes ready" in ada.text(PAGE)


def test_where_a_running_one_runs_and_how_it_stands_to_its_timeout(ada, database):
    server = made.server(database)
    made.jobs(database, 1, state=State.RUNNING, server=server, worker=42, age="61 min", task=made.long.module_path)
    text = ada.text(PAGE)
    assert f"async on here, server {server}, process 42" in text
    assert '1 h <span class="badge bad">over</span>' in text


@pytest.mark.parametrize("task", ["gone.tasks.export", "tests.integration.queue.broken.task", "nodots", "tests.jobs"])
def test_a_task_that_does_not_import_here_is_told(ada, database, task):
    made.results(database, 1, error="builtins.ValueError", task=task)
    text = ada.text(PAGE)
    assert "Its task does not import in this release" in text
    assert "builtins.ValueError" in text


def test_what_is_encrypted_is_masked(ada, database, encrypted):
    job = shared.add.enqueue(MARKER).id
    control.cancel(control.Jobs(ids=[int(job)]), by="bob")
    made.results(database, 10**9, error="builtins.ValueError", text=MARKER, arguments=f'[["{MARKER}"],{{}}]')
    for number in (job, 10**9):
        text = ada.text(f"/tandem/tasks/{number}/")
        assert MARKER not in text
        assert "•••" in text


def test_what_is_encrypted_with_another_key_is_a_page(ada, database):
    made.results(database, 1, arguments="fernet:12345678:gAAAAB", returned="fernet:12345678:gAAAAB")
    made.results(database, 2, arguments="fernet:1:gAAAAB", error="builtins.ValueError", text="fernet:1:gAAAAB")
    for page in (PAGE, "/tandem/tasks/2/"):
        text = ada.text(page)
        assert text.count("(encrypted with a key that is not configured)") == 2
        assert "gAAAA" not in text


@pytest.mark.parametrize("number", [1, 2**63, 10**30])
def test_a_job_that_is_not_there_is_told(ada, database, number):
    assert f"There is no job {number}" in ada.text(f"/tandem/tasks/{number}/")
    for what in ("retry", "cancel"):
        outcome, text = ada.told(ada.act(f"/tandem/tasks/{number}/{what}"))
        assert (outcome, text) == (
            "failed",
            f"{what} job failed: {number}: there is no such job; results leave after their days",
        )


def test_a_failed_one_is_retried(ada, database, audited):
    made.results(database, 1, error="builtins.ValueError")
    assert ada.told(ada.act("/tandem/tasks/1/retry", PAGE)) == ("done", "retry job 1 is ready again")
    assert state(1) is State.READY
    assert audited() == [("ada", "retry job", "done", "1 is ready again")]
    assert ada.told(ada.act("/tandem/tasks/1/retry", PAGE)) == (
        "refused",
        "retry job refused: 1 is ready; only a failed job is retried",
    )


def test_one_whose_key_an_unfinished_job_has_stays(ada, database):
    made.results(database, 1, error="builtins.ValueError")
    made.jobs(database, 2)
    database.execute("UPDATE tandem_result SET unique_key = 'k'")
    database.execute("UPDATE tandem_job SET unique_key = 'k'")
    outcome, text = ada.told(ada.act("/tandem/tasks/1/retry", PAGE))
    assert outcome == "refused"
    assert "another job with the same unique key is unfinished" in text
    assert state(1) is State.FAILED


def test_one_that_waits_is_cancelled(ada, database):
    made.jobs(database, 1)
    assert ada.told(ada.act("/tandem/tasks/1/cancel", PAGE)) == ("done", "cancel job 1 has ended")
    row = results.read("default", 1)
    assert row.state is State.FAILED
    assert row.past_attempts[-1]["error"]["text"] == "cancelled by ada"
    assert ada.told(ada.act("/tandem/tasks/1/cancel", PAGE)) == (
        "refused",
        "cancel job refused: 1 is failed: it has ended",
    )


def test_one_that_runs_is_asked_to_end_once(ada, database):
    made.jobs(database, 1, state=State.RUNNING, server=1, worker=1)
    assert ada.told(ada.act("/tandem/tasks/1/cancel", PAGE))[1].endswith("1 runs, and is being interrupted")
    assert "It is being cancelled by ada." in ada.text(PAGE)
    assert ada.told(ada.act("/tandem/tasks/1/cancel", PAGE))[1].endswith("1 is being interrupted already")


def test_its_task_is_paused_and_goes_on(ada, database):
    made.jobs(database, 1)
    assert ada.told(ada.act("/tandem/tasks/pause/tests.jobs.add", PAGE)) == (
        "done",
        "pause task tests.jobs.add is paused",
    )
    assert state(1) is State.PAUSED
    assert "Its task is paused by ada" in ada.text(PAGE)
    assert ada.told(ada.act("/tandem/tasks/pause/tests.jobs.add", PAGE))[1].endswith("was paused already")
    assert ada.told(ada.act("/tandem/tasks/resume/tests.jobs.add", PAGE))[0] == "done"
    assert state(1) is State.READY
    assert ada.told(ada.act("/tandem/tasks/resume/tests.jobs.add", PAGE))[1].endswith("was not paused")


def test_a_task_that_nobody_knows_is_not_paused(ada, database):
    assert ada.told(ada.act("/tandem/tasks/pause/no.such.task"))[0] == "refused"
    assert control.paused() == []
