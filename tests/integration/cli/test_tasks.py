"""`tandem tasks`: jobs as an operator sees them, and one enqueued by hand."""

import json
import re
from datetime import datetime, timezone

import pytest

from tests import jobs

SHAPE = {
    "id", "task", "queue", "priority", "state", "attempt", "args", "kwargs", "enqueued_at", "run_after", "started_at",
    "last_attempted_at", "finished_at", "workers", "errors", "return_value",
}  # fmt: skip
ADD = "tests.jobs.add"
A_TASK = "expected a Task: decorate the function with @task"
A_TIME = "expected a time with its zone, such as 2027-01-31T06:00:00+01:00"


@pytest.fixture
def answer(tandem):
    """What `tandem tasks … --json` prints."""

    def answer(*words):
        done = tandem("tasks", *words, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return answer


def test_enqueue_writes_the_job_that_was_asked_for(tandem, answer, database):
    words = ["enqueue", ADD, "--args", "[2]", "--kwargs", '{"b": 3}', "--priority", "-7", "--queue", "mail"]
    done = tandem("tasks", *words)
    assert (done.returncode, done.stderr) == (0, "")
    (job,) = re.fullmatch(r"enqueued tests\.jobs\.add as job (\d+), priority -7, queue mail\n", done.stdout).groups()
    query = "SELECT id, task, queue, priority, arguments::text FROM tandem_job"
    assert database.execute(query).fetchall() == [(int(job), "tests.jobs.add", "mail", -7, '[[2],{"b":3}]')]

    again = answer(*words)
    assert again == {"id": int(job) + 1, "task": "tests.jobs.add", "status": "READY"}


@pytest.mark.parametrize("time", ["2037-01-31T06:00:00Z", "2037-01-31T07:00:00+01:00"])
def test_enqueue_for_later(answer, database, time):
    job = answer("enqueue", "tests.jobs.nothing", "--run-after", time)["id"]
    shown = answer("show", str(job))
    assert (shown["state"], shown["run_after"]) == ("scheduled", "2037-01-31T06:00:00+00:00")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nothing"], "TASK: nothing, expected a dotted path such as loans.tasks.score"),
        (["tests.nowhere.a"], "TASK: tests.nowhere.a: No module named 'tests.nowhere'"),
        (["tests.jobs.nope"], 'TASK: tests.jobs.nope: Module "tests.jobs" does not define a "nope" attribute/class'),
        (["tests.jobs.Group"], f"TASK: tests.jobs.Group is of type ModelBase; {A_TASK}"),
        (["broken_module.task"], "TASK: broken_module.task: its module raises RuntimeError: the module is closed"),
        ([ADD, "--args", "[1"], "--args: [1, not JSON: Expecting ',' delimiter: line 1 column 3 (char 2)"),
        ([ADD, "--args", '{"a": 1}'], '--args: {"a": 1}, expected a JSON list'),
        ([ADD, "--kwargs", "[1]"], "--kwargs: [1], expected a JSON object"),
        ([ADD, "--args", "[NaN]"], "tests.jobs.add: args[0] is nan; expected a finite number"),
        ([ADD, "--run-after", "2037-01-31T06:00:00"], f"--run-after: 2037-01-31T06:00:00, {A_TIME}"),
        ([ADD, "--run-after", "tomorrow"], f"--run-after: tomorrow, {A_TIME}"),
    ],
)
def test_enqueue_refuses_what_cannot_be_a_job(tandem, tmp_path, database, words, line):
    (tmp_path / "broken_module.py").write_text('raise RuntimeError("the module is closed")')
    done = tandem("tasks", "enqueue", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"tandem: {line}\n")
    assert database.execute("SELECT count(*) FROM tandem_job").fetchone() == (0,)


@pytest.fixture
def four_jobs(database, hand):
    """Jobs that were enqueued in the order successful, failed, ready, scheduled; their ids by state."""
    ids = {"successful": jobs.add.enqueue(2, b=3).id}
    hand.work()
    ids["failed"] = jobs.fail.enqueue("out of [red]ink[/red]").id
    hand.work()
    ids["ready"] = jobs.nothing.using(queue_name="mail", priority=9).enqueue().id
    later = jobs.append.using(run_after=datetime(2037, 1, 31, tzinfo=timezone.utc))
    ids["scheduled"] = later.enqueue("path", line="a").id
    return {state: int(job) for state, job in ids.items()}


def test_list_shows_jobs_newest_first_and_those_that_are_asked_for(answer, four_jobs):
    listed = answer("list")
    assert [(job["id"], job["state"]) for job in listed] == [(job, state) for state, job in reversed(four_jobs.items())]
    assert all(set(job) == SHAPE for job in listed)
    for state, job in four_jobs.items():
        assert [one["id"] for one in answer("list", "--state", state)] == [job]
    assert [one["id"] for one in answer("list", "--queue", "mail")] == [four_jobs["ready"]]
    assert [one["id"] for one in answer("list", "--task", "tests.jobs.fail")] == [four_jobs["failed"]]
    assert [one["id"] for one in answer("list", "--limit", "2")] == [one["id"] for one in listed[:2]]
    assert answer("list", "--state", "running") == []


def test_list_as_a_table(tandem, four_jobs):
    done = tandem("tasks", "list")
    assert (done.returncode, done.stderr) == (0, "")
    title, _, *lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert title == ["id", "state", "queue", "priority", "enqueued", "took", "task"]
    assert [[*line[:4], line[-1]] for line in lines] == [
        [str(four_jobs["scheduled"]), "scheduled", "default", "0", "tests.jobs.append"],
        [str(four_jobs["ready"]), "ready", "mail", "9", "tests.jobs.nothing"],
        [str(four_jobs["failed"]), "failed", "default", "0", "tests.jobs.fail"],
        [str(four_jobs["successful"]), "successful", "default", "0", "tests.jobs.add"],
    ]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d", line[4]) for line in lines)
    assert [line[6:-1] for line in lines] == [[], [], ["ms"], ["ms"]]


def test_list_cuts_nothing_where_the_terminal_is_narrow(tandem, four_jobs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert "…" not in tandem("tasks", "list").stdout


def test_list_says_that_there_are_none(tandem, database):
    assert tandem("tasks", "list").stdout == "no jobs\n"
    assert tandem("tasks", "list", "--state", "failed").stdout == "no failed jobs\n"
    assert tandem("tasks", "list", "--state", "lost").returncode == 2


def test_show_tells_all_of_a_job_that_went_well(tandem, answer, four_jobs, hand):
    job = four_jobs["successful"]
    worker = f"{hand.owner.server}-{hand.owner.worker}"
    shown = answer("show", str(job))
    times = [shown.pop(name) for name in ("enqueued_at", "started_at", "last_attempted_at", "finished_at")]
    assert times == sorted(times)
    assert shown == {
        "id": job, "task": "tests.jobs.add", "queue": "default", "priority": 0, "state": "successful", "attempt": 1,
        "args": [2], "kwargs": {"b": 3}, "run_after": None, "workers": [worker], "errors": [], "return_value": 5,
    }  # fmt: skip
    told = tandem("tasks", "show", str(job)).stdout.splitlines()
    assert told[0] == f"job {job}  tests.jobs.add  successful"
    facts = {line.split()[0]: " ".join(line.split()[1:]) for line in told[1:]}
    assert {name: facts[name] for name in ("arguments", "attempts", "returned", "priority")} == {
        "arguments": "(2, b=3)", "attempts": worker, "returned": "5", "priority": "0",
    }  # fmt: skip


def test_show_tells_why_a_job_failed(tandem, answer, four_jobs):
    shown = answer("show", str(four_jobs["failed"]))
    (error,) = shown["errors"]
    assert (shown["state"], shown["return_value"], error["class"]) == ("failed", None, "builtins.ValueError")
    assert error["traceback"].endswith("ValueError: out of [red]ink[/red]\n")
    told = tandem("tasks", "show", str(four_jobs["failed"])).stdout
    assert "\nattempt 1: builtins.ValueError\n" in told
    assert told.endswith("ValueError: out of [red]ink[/red]\n")


@pytest.mark.parametrize("job", ["12345", "99999999999999999999999"])
def test_a_job_that_is_not_there(tandem, database, job):
    done = tandem("tasks", "show", job)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tandem: there is no job {job}: `tandem tasks list` shows the newest\n"


def test_a_job_s_id_is_a_number(tandem):
    done = tandem("tasks", "show", "x")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: Invalid value for 'JOB': 'x' is not a valid integer.",
    )


def test_a_queue_of_the_project_is_asked_for(office):
    done = office.tandem("tasks", "enqueue", "office.tasks.write", "--queue", "mail")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tandem: --queue: mail is not declared, expected one of default, reports\n"


def test_what_keeps_the_queue_from_being_asked_is_one_line(office):
    away = office.tandem("tasks", "list", TANDEM_DATABASE_URL="postgresql://o:sesame@127.0.0.1:1/office")
    assert (away.returncode, away.stdout) == (1, "")
    (line,) = away.stderr.splitlines()
    assert line.startswith("tandem: the database office on 127.0.0.1:1 does not answer: ")
    assert "sesame" not in line

    broken = office.tandem("tasks", "list", OFFICE_BROKEN="1")
    assert (broken.returncode, broken.stdout, broken.stderr) == (
        2,
        "",
        "tandem: office.settings does not import: RuntimeError: the office is closed (office/settings.py, line 15)\n",
    )

    for table in ("tandem_job", "tandem_fence"):
        office.query(f"DROP TABLE {table} CASCADE")
    bare = office.tandem("tasks", "list")
    assert (bare.returncode, bare.stdout, bare.stderr) == (
        1,
        "",
        "tandem: Tandem's tables are missing; run: tandem manage migrate\n",
    )
