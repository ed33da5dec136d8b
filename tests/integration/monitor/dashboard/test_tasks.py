"""The page of tasks: which jobs it lists, how one goes on from there, and that it looks at a bounded number of them."""

import re

import pytest

from django_tandem.monitor.dashboard import tasks as page
from django_tandem.queue import control
from django_tandem.queue.options import BACKEND
from django_tandem.queue.states import State
from tests.integration.monitor.dashboard import made
from tests.keys import MARKER, OLD

PAGE = "/tandem/tasks/"


def ids(text):
    return [int(found) for found in re.findall(r'<a href="/tandem/tasks/(\d+)/">', text)]


def link(text, rel):
    found = re.search(rf'rel="{rel}" href="\?([^"]*)">([^<]*)', text)
    return (f"{PAGE}?{found[1].replace('&amp;', '&')}", found[2]) if found else None


def test_without_jobs_it_says_how_one_comes(ada):
    assert "There are no jobs." in ada.text(PAGE)


def test_waiting_and_finished_jobs_are_listed_newest_first(ada, database):
    made.results(database, 1)
    made.jobs(database, 2, state=State.SCHEDULED)
    made.results(database, 3, error="builtins.ValueError")
    text = ada.text(PAGE)
    assert ids(text) == [3, 2, 1]
    for words in ("scheduled", "successful", "failed", "builtins.ValueError", "(3)", "2.0 s"):
        assert words in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "failed"}, [12, 6, 5]),
        ({"state": "running"}, [10]),
        ({"state": "scheduled"}, [9]),
        ({"state": "successful"}, [4, 3, 2, 1]),
        ({"queue": "other"}, [11]),
        ({"task": "tests.jobs.fail"}, [12, 6, 5]),
        ({"task": "tests.jobs.fail", "error": "builtins.KeyError"}, [12]),
        ({"priority": "5"}, [11, 8]),
        ({"priority": "-5", "state": "ready"}, [11, 8, 7]),
        ({"text": "Zürich"}, [8]),
        ({"text": "zÜRICH"}, [8]),
        ({"text": "9"}, [9, 8]),
        ({"text": "#10"}, [10]),
        ({"text": "99999999999999999999"}, []),
        ({"queue": "'; DROP TABLE tandem_job; --"}, []),
        ({"text": "%"}, []),
    ],
)
def test_what_is_asked_for_is_listed(ada, database, query, found):
    made.results(database, 1, 4)
    made.results(database, 5, 2, task="tests.jobs.fail", error="builtins.ValueError")
    made.jobs(database, 7, priority=-5)
    made.jobs(database, 8, priority=5, arguments='[["Zürich 9"],{}]')
    made.jobs(database, 9, state=State.SCHEDULED)
    made.jobs(database, 10, state=State.RUNNING, priority=-100, server=1, worker=1)
    made.jobs(database, 11, queue="other", priority=100)
    made.results(database, 12, task="tests.jobs.fail", error="builtins.KeyError", priority=-100)
    assert ids(ada.text(PAGE, **query)) == found


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"state": "gone"}, "state: gone; expected one of scheduled, ready"),
        ({"priority": "high"}, "priority: high; expected a whole number from -100 to 100"),
        ({"priority": "101"}, "priority: 101; expected a whole number from -100 to 100"),
    ],
)
def test_what_cannot_be_is_told(ada, database, query, problem):
    made.jobs(database, 1)
    text = ada.text(PAGE, **query)
    assert problem in text
    assert ids(text) == []


def test_one_goes_to_older_jobs_and_back(ada, database):
    made.results(database, 1, 130)
    text = ada.text(PAGE)
    walked = [ids(text)]
    while older := link(text, "next"):
        text = ada.text(older[0])
        walked.append(ids(text))
    assert [len(one) for one in walked] == [50, 50, 30]
    assert [job for one in walked for job in one] == list(range(130, 0, -1))
    back = ada.text(link(text, "prev")[0])
    assert ids(back) == walked[1]
    newest = ada.text(link(back, "prev")[0])
    assert ids(newest) == walked[0]
    assert link(newest, "prev") is None


def test_it_looks_at_a_bounded_number_and_goes_on_from_there(ada, database, monkeypatch):
    monkeypatch.setattr(page, "LOOKED", 100)
    made.results(database, 1, 2, queue="rare")
    made.results(database, 3, 250)
    text = ada.text(PAGE, queue="rare")
    assert "Nothing that matches among the 100 newest jobs." in text
    looks = 1
    while not ids(text):
        address, words = link(text, "next")
        assert words == "Look further"
        text = ada.text(address)
        looks += 1
    assert (ids(text), looks) == ([2, 1], 3)
    assert link(text, "next") is None
    up = ada.text(link(text, "prev")[0])
    assert "Nothing that matches among the 100 next newer jobs." in up


def test_the_rest_of_a_window_is_told(ada, database, monkeypatch):
    monkeypatch.setattr(page, "LOOKED", 100)
    made.results(database, 1, 300, priority=-1)
    made.results(database, 301, 7)
    text = ada.text(PAGE, priority=0)
    assert len(ids(text)) == 7
    assert "Looked through 100 jobs; there are more." in text


def test_numbers_that_no_id_has_are_no_error(ada, database):
    made.jobs(database, 1)
    for query in ({"before": "x"}, {"before": "9" * 30}, {"after": "-1"}, {"before": "0"}, {"after": "9" * 18}):
        ada.text(PAGE, **query)


def test_encrypted_arguments_are_masked_and_not_searched(ada, database, settings):
    made.jobs(database, 1, arguments=f'[["{MARKER}"],{{}}]')
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"encrypt_keys": [OLD]}}}
    assert MARKER not in ada.text(PAGE)
    assert "•••" in ada.text(PAGE)
    searched = ada.text(PAGE, text=MARKER.partition("-")[0])
    assert "arguments are encrypted, and cannot be searched" in searched
    assert ids(searched) == []
    assert ids(ada.text(PAGE, text="1")) == [1]
    assert ids(ada.text(PAGE, text="4711")) == []


def test_what_was_encrypted_stays_so_where_no_key_is(ada, database):
    made.jobs(database, 1, arguments="fernet:12345678:gAAAAABsecret")
    text = ada.text(PAGE)
    assert "gAAAA" not in text
    assert "encrypted with a key that is not configured" in text
    assert ids(ada.text(PAGE, text="gAAAA")) == []


def test_a_password_in_arguments_is_not_shown(ada, database):
    made.jobs(database, 1, arguments='[["postgresql://ada:hunter2@db/x"],{"password":"hunter2"}]')
    long = "x" * 90
    made.jobs(database, 2, arguments=f'[["{long}", "postgresql://ada:hunter2{long}@db/{"y" * 2000}"],{{}}]')
    assert "hunter2" not in ada.text(PAGE)
    assert "hunter2" not in ada.text(f"{PAGE}1/")
    assert "hunter2" not in ada.text(f"{PAGE}2/")


def test_what_a_job_says_cannot_write_into_the_page(ada, database):
    made.jobs(database, 1, task="<script>x</script>", arguments='[["<script>x</script>"],{}]', queue="<script>x")
    made.results(database, 2, error="<script>x</script>", text="<script>x</script>")
    for address in (PAGE, f"{PAGE}1/", f"{PAGE}2/", f"{PAGE}failed/", f"{PAGE}?text=%3Cscript%3Ex", "/tandem/queues/"):
        assert "<script>x" not in ada.text(address)


def test_paused_tasks_are_told_and_resumed(ada, database):
    control.pause("task", "tests.jobs.add", by="bob")
    for address in (PAGE, f"{PAGE}running/", f"{PAGE}failed/"):
        assert "is paused by bob" in ada.text(address)
    assert ada.told(ada.act("/tandem/tasks/resume/tests.jobs.add", PAGE)) == (
        "done",
        "resume task tests.jobs.add goes on",
    )
    assert control.paused() == []


def test_who_may_only_see_is_offered_no_action(person, database):
    made.jobs(database, 1)
    somebody = person("see", name="eve")
    for address in (f"{PAGE}?state=ready", f"{PAGE}1/", f"{PAGE}cancel/?state=ready", "/tandem/queues/"):
        assert 'method="post"' not in somebody.text(address)
