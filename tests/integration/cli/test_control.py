"""Commands that act on jobs, queues and tasks: what they do, what they say, and that they ask first."""

import json

import pytest

from django_tandem.queue import control
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue import policies
from tests.integration.queue.conftest import jobs, others, results, rows  # noqa: F401 - fixtures

ADD, FAIL = "tests.jobs.add", "tests.jobs.fail"


@pytest.fixture
def failed(hand):
    """Two jobs that have failed."""
    made = [shared.fail.enqueue("x") for _ in range(2)]
    hand.work(2)
    return made


def test_a_job_is_cancelled_by_its_id_without_a_question(tandem, database, results):  # noqa: F811
    result = shared.add.enqueue(1)
    done = tandem("tasks", "cancel", result.id)
    assert (done.returncode, done.stdout) == (0, "ended 1 job\n")
    assert "(command line)" in results()[0]["history"]


def test_what_a_filter_means_is_cancelled_when_that_is_confirmed(tandem, database, jobs):  # noqa: F811
    shared.add.enqueue(1)
    other = shared.add.using(queue_name="other").enqueue(1)
    done = tandem("tasks", "cancel", "--queue", "default")
    assert done.returncode == 3
    assert done.stderr == "tandem: this would cancel 1 job: say --yes where nobody can be asked\n"
    assert len(jobs()) == 2
    done = tandem("tasks", "cancel", "--queue", "default", "--yes", "--json")
    assert json.loads(done.stdout) == {"ended": 1, "asked": 0}
    assert [str(job["id"]) for job in jobs()] == [other.id]


def test_a_job_that_runs_is_said_to_be_interrupted(tandem, hand):
    result = shared.add.enqueue(1)
    hand.claim()
    assert tandem("tasks", "cancel", result.id).stdout == "ended 0 jobs; 1 job that run are being interrupted\n"


def test_failed_jobs_are_retried(tandem, failed, jobs):  # noqa: F811
    assert tandem("tasks", "retry", failed[0].id).stdout == "1 job ready again\n"
    assert tandem("tasks", "retry", "--error", "builtins.OSError", "--yes").stdout == "0 jobs ready again\n"
    done = tandem("tasks", "retry", "--task", FAIL, "--error", "builtins.ValueError", "--yes", "--json")
    assert json.loads(done.stdout) == {"retried": 1, "skipped": 0}
    assert {job["state"] for job in jobs()} == {State.READY}


def test_a_job_whose_key_another_has_is_said_not_to_be_retried(tandem, hand):
    first = policies.fail_alone.enqueue(7)
    hand.work()
    policies.fail_alone.enqueue(7)
    said = "0 jobs ready again; 1 not retried: another job with the same key is unfinished\n"
    assert tandem("tasks", "retry", first.id) == (0, said, "")
    assert json.loads(tandem("tasks", "retry", first.id, "--json").stdout) == {"retried": 0, "skipped": 1}


def test_a_name_that_nothing_has_is_paused_with_a_warning(tandem, hand):
    done = tandem("tasks", "pause", "tests.jobs.ad")
    assert (done.returncode, done.stdout) == (0, "paused task tests.jobs.ad\n")
    assert done.stderr == "tandem: warning: no task tests.jobs.ad is in the code here, and no unfinished job has it\n"
    done = tandem("queues", "pause", "slow", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"queue": "slow", "changed": True, "known": False})
    shared.add.using(queue_name="slow").enqueue(1)
    done = tandem("queues", "pause", "slow", "--json")
    assert json.loads(done.stdout) == {"queue": "slow", "changed": False, "known": True}
    assert (done.returncode, done.stderr) == (0, "")
    assert tandem("tasks", "pause", ADD) == (0, f"paused task {ADD}\n", "")


@pytest.mark.parametrize(
    "words", [("cancel",), ("retry",), ("cancel", "--all", "7"), ("retry", "--all", "--task", FAIL)]
)
def test_which_jobs_must_be_said_and_said_once(tandem, database, words):
    done = tandem("tasks", *words)
    assert done.returncode == 2
    assert "say which jobs: their ids, --queue, --task, or --all for every one" in done.stderr


def test_a_task_is_paused_and_resumed(tandem, database, jobs):  # noqa: F811
    shared.add.enqueue(1)
    assert tandem("tasks", "pause", ADD).stdout == f"paused task {ADD}\n"
    assert tandem("tasks", "pause", ADD).stdout == f"task {ADD} is paused already\n"
    assert [job["state"] for job in jobs()] == [State.PAUSED]
    shown = tandem("queues", "list").stdout
    assert f"task {ADD} is paused by " in shown
    assert "1" in shown
    assert json.loads(tandem("tasks", "resume", ADD, "--json").stdout) == {"task": ADD, "changed": True}
    assert tandem("tasks", "resume", ADD).stdout == f"task {ADD} is not paused\n"


def test_a_queue_is_paused_and_resumed(tandem, database):
    assert tandem("queues", "pause", "slow").stdout == "paused queue slow\n"
    facts = json.loads(tandem("queues", "list", "--json").stdout)
    (queue,) = facts["queues"]
    assert (queue["name"], queue["ready"], "(command line)" in queue["paused_by"]) == ("slow", 0, True)
    assert "paused by" in tandem("queues", "list").stdout
    assert tandem("queues", "resume", "slow").stdout == "resumed queue slow\n"
    assert tandem("queues", "list").stdout == "no unfinished jobs\n"


@pytest.fixture
def slow(hand):
    """A queue of which two jobs run and one waits; its drain lets nobody wait."""
    ids = [shared.add.using(queue_name="slow").enqueue(number).id for number in range(3)]
    hand.claim(2, queues=("slow",))
    yield ids
    hand.connection.execute("DELETE FROM tandem_pause")


def test_a_queue_is_drained(tandem, slow, hand):
    ids = [int(job) for job in slow]
    done = tandem("queues", "drain", "slow", "--wait", "0")
    assert (done.returncode, done.stdout) == (1, "queue slow is paused: 2 jobs still run\n")
    assert done.stderr == f"tandem: queue slow stays paused, and 2 jobs still run: {ids[0]} ({ADD}), {ids[1]} ({ADD})\n"

    done = tandem("queues", "drain", "slow", "--wait", "0", "--json")
    assert (done.returncode, done.stderr.startswith("tandem: queue slow stays paused")) == (1, True)
    facts = json.loads(done.stdout)
    assert (facts["queue"], facts["changed"], facts["drained"]) == ("slow", False, False)
    assert facts["running"][0] == {"id": ids[0], "task": ADD, **hand.owner._asdict()}

    hand.connection.execute("DELETE FROM tandem_job WHERE state = 2")
    told = "drained queue slow: none of its jobs runs; tandem queues resume slow lets them begin again\n"
    assert tandem("queues", "drain", "slow") == (0, told, "")
    done = tandem("queues", "drain", "slow", "--json")
    assert json.loads(done.stdout) == {"queue": "slow", "changed": False, "drained": True, "running": []}
    assert [str(job["id"]) for job in json.loads(tandem("tasks", "list", "--json").stdout)] == [slow[2]]


def test_of_many_jobs_that_still_run_some_are_named(tandem, hand):
    for number in range(13):
        shared.add.enqueue(number)
    hand.claim(13)
    done = tandem("queues", "drain", "default", "--wait", "0")
    assert "and 13 jobs still run: " in done.stderr
    assert done.stderr.count(ADD) == 10
    assert done.stderr.endswith(" and 3 more\n")
    hand.connection.execute("DELETE FROM tandem_pause")


def test_a_queue_that_is_resumed_meanwhile_is_not_drained(tandem, slow, monkeypatch):
    look = control._look

    def resume_and_look(*args, **kwargs):
        control.resume("queue", "slow")
        return look(*args, **kwargs)

    monkeypatch.setattr(control, "_look", resume_and_look)
    done = tandem("queues", "drain", "slow")
    assert done.returncode == 1
    assert done.stderr == "tandem: queue slow was resumed meanwhile: 2 jobs still run\n"
