"""What commands do is written down as what the dashboard does: by whom, from where, for what, and what came of it."""

import getpass
import json
import socket

import pytest

from tests import jobs


@pytest.fixture
def audited(database, tandem):
    """What the audit has, oldest first."""

    def audited():
        told = tandem("audit", "--json")
        assert (told.returncode, told.stderr) == (0, "")
        return [(one["action"], one["detail"], one["outcome"]) for one in reversed(json.loads(told.stdout))]

    return audited


def test_what_is_done_is_there_by_whom_from_where_and_for_what(tandem, audited):
    assert tandem("audit").stdout == "nobody has done anything yet\n"
    assert tandem("queues", "pause", "mail").returncode == 0
    (entry,) = json.loads(tandem("audit", "--json").stdout)
    assert (entry["who"], entry["via"]) == (getpass.getuser(), f"command line on {socket.gethostname()}")
    assert audited() == [("pause queue", {"name": "mail"}, "done")]
    line = next(line for line in tandem("audit").stdout.splitlines() if "pause queue name=mail" in line)
    assert "done" in line


def test_every_command_that_changes_something_is_there(tandem, audited):
    job = int(jobs.nothing.enqueue().id)
    for words in (
        ("queues", "resume", "mail"),
        ("tasks", "pause", "tests.jobs.nothing"),
        ("tasks", "resume", "tests.jobs.nothing"),
        ("tasks", "cancel", str(job)),
        ("tasks", "retry", "--queue", "mail", "--yes"),
        ("queues", "drain", "mail", "--wait", "0"),
    ):
        assert tandem(*words).returncode == 0, words
    assert audited() == [
        ("resume queue", {"name": "mail"}, "done"),
        ("pause task", {"name": "tests.jobs.nothing"}, "done"),
        ("resume task", {"name": "tests.jobs.nothing"}, "done"),
        ("cancel jobs", {"ids": [job]}, "done"),
        ("retry jobs", {"queue": "mail"}, "done"),
        ("drain queue", {"name": "mail"}, "done"),
    ]


def test_what_is_refused_and_what_fails_is_there_with_the_reason(tandem, audited):
    jobs.nothing.enqueue()
    assert tandem("tasks", "cancel", "--all").returncode == 3  # nobody can be asked
    assert tandem("tasks", "cancel").returncode == 2
    assert tandem("servers", "stop", "nowhere:1").returncode == 2
    told = json.loads(tandem("audit", "--json").stdout)
    assert [(one["outcome"], one["action"]) for one in told] == [
        ("failed", "stop server"), ("refused", "cancel jobs"), ("refused", "cancel jobs"),
    ]  # fmt: skip
    assert "there is no server nowhere:1" in told[0]["text"]
    assert "say which jobs" in told[1]["text"]
    assert "say --yes" in told[2]["text"]


@pytest.fixture
def no_room(database):
    """A database that has no room for the audit, as it says it."""
    database.execute("""
        CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file "base/5/1259"' USING ERRCODE = 'disk_full'; END $$
    """)
    database.execute("CREATE TRIGGER no_room BEFORE INSERT ON tandem_audit EXECUTE FUNCTION no_room()")
    yield
    database.execute("DROP FUNCTION no_room CASCADE")


def test_a_full_disk_keeps_nobody_from_acting(tandem, audited, no_room):
    told = tandem("queues", "pause", "mail")
    assert (told.returncode, told.stdout.strip()) == (0, "paused queue mail")
    first = told.stderr.splitlines()[0]
    assert first.startswith("tandem: warning: not written into the audit, the database has no room: could not extend")
    assert audited() == []


@pytest.mark.parametrize("words", [("tasks", "list"), ("queues", "list"), ("servers", "list"), ("status",)])
def test_who_only_looks_is_not(tandem, audited, words):
    assert tandem(*words).returncode == 0
    assert audited() == []
