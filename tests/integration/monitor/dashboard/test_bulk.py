"""All jobs that a filter means: asked first, then done, as far as a request's time goes."""

import re

import pytest
from django.db import connections

from django_tandem.monitor.dashboard import bulk, stopwatch
from django_tandem.queue import control
from django_tandem.queue.control import Jobs
from django_tandem.queue.states import State
from tests.integration.monitor.dashboard import made


@pytest.fixture
def failures(database):
    made.results(database, 1, 3, error="builtins.ValueError")
    made.results(database, 4, 2, error="builtins.KeyError", priority=7)
    made.results(database, 6, 1, error="builtins.KeyError", task="tests.jobs.fail")
    made.results(database, 7, 4)


def form_of(text):
    """The address and the fields of the form that does it."""
    found = re.search(r'<form method="post" action="([^"]+)" class="act-line">(.*?)</form>', text, re.DOTALL)
    return found[1], dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[2]))


def confirm(ada, page):
    """Press the button of the page that asks, as a browser without scripts does."""
    address, fields = form_of(ada.text(page))
    back = fields.pop("next").replace("&amp;", "&")
    assert back == page
    fields.pop("csrfmiddlewaretoken", None)
    return ada.told(ada.act(address, page, **fields))


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("state=failed", 6),
        ("error=builtins.KeyError", 3),
        ("state=failed&task=tests.jobs.add&error=builtins.KeyError", 2),
        ("priority=1", 2),
        ("queue=default", 6),
    ],
)
def test_it_says_how_many_and_then_retries_these(ada, failures, database, query, meant, audited):
    page = f"/tandem/tasks/retry/?{query}"
    assert f"{meant} failed job{'' if meant == 1 else 's'} become" in ada.text(page)
    assert control.count(Jobs(every=True)) == (0, 6)
    done, text = confirm(ada, page)
    assert (done, text) == ("done", f"retry jobs {meant} jobs are ready again")
    assert control.count(Jobs(every=True)) == (meant, 6 - meant)
    assert audited()[0][:3] == ("ada", "retry jobs", "done")
    assert "No failed job matches" in ada.text(page)


def test_cancel_says_how_many_and_then_ends_these(ada, database):
    made.jobs(database, 1, 5, queue="reports")
    made.jobs(database, 6, 2)
    made.jobs(database, 8, state=State.RUNNING, server=1, worker=1, queue="reports")
    page = "/tandem/tasks/cancel/?queue=reports"
    assert "6 unfinished jobs end as failed" in ada.text(page)
    assert confirm(ada, page) == ("done", "cancel jobs 5 jobs ended; 1 job is being interrupted")
    assert control.count(Jobs(every=True)) == (3, 5)


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("retry", {}),
        ("cancel", {}),
        ("retry", {"state": "running"}),
        ("cancel", {"state": "failed"}),
        ("cancel", {"error": "builtins.KeyError"}),
        ("retry", {"text": "1"}),
        ("cancel", {"text": "1"}),
        ("cancel", {"state": "nonsense"}),
        ("cancel", {"state": "ready", "priority": "x"}),
    ],
)
def test_what_does_not_say_which_jobs_is_refused(ada, failures, database, what, fields):
    made.jobs(database, 20, 2)
    assert ada.told(ada.act(f"/tandem/tasks/{what}/all", **fields))[0] == "refused"
    assert 'role="alert"' in ada.text(f"/tandem/tasks/{what}/", **fields)
    assert control.count(Jobs(every=True)) == (2, 6)


def test_where_none_matches_any_more_that_is_told(ada, failures):
    for what in ("retry", "cancel"):
        outcome, text = ada.told(ada.act(f"/tandem/tasks/{what}/all", queue="gone"))
        assert outcome == "refused"
        assert "matches any more" in text


@pytest.mark.parametrize("what", ["retry", "cancel"])
def test_when_its_time_is_over_it_stops_and_offers_to_go_on(ada, database, monkeypatch, what):
    monkeypatch.setattr(stopwatch, "SECONDS", -1.0)
    monkeypatch.setattr(control, "BATCH", 4)
    if what == "retry":
        made.results(database, 1, 10, error="builtins.ValueError")
    else:
        made.jobs(database, 1, 10)
    page = f"/tandem/tasks/{what}/?queue=default"
    outcome, text = confirm(ada, page)
    assert outcome == "done"
    assert text.startswith(f"{what} jobs 4 jobs ")
    assert text.endswith("; there are more: go on below")
    assert f"{what.capitalize()} 6 jobs</button>" in ada.text(page)


def test_no_more_than_a_bound_are_counted(ada, database, monkeypatch):
    monkeypatch.setattr(bulk, "COUNTED", 5)
    made.jobs(database, 1, 9)
    assert "5 or more unfinished jobs end" in ada.text("/tandem/tasks/cancel/?state=ready")


def test_a_page_that_asks_does_not_ask_anew_by_itself(ada, database):
    assert "tick from:body" not in ada.text("/tandem/tasks/cancel/?state=ready")
    assert "tick from:body" in ada.text("/tandem/tasks/")


def test_the_list_offers_what_its_filter_allows(ada, failures):
    for query, retry, cancel in (
        ("", False, False),
        ("?queue=default", True, True),
        ("?state=failed", True, False),
        ("?state=ready", False, True),
        ("?state=successful", False, False),
        ("?text=1", False, False),
        ("?error=builtins.KeyError", True, False),
    ):
        text = ada.text(f"/tandem/tasks/{query}")
        assert ("/tandem/tasks/retry/?" in text, "/tandem/tasks/cancel/?" in text) == (retry, cancel), query


def test_many_are_not_one_transaction_where_requests_are(ada, database, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    made.jobs(database, 1, 3)
    seen = []
    cancel = control.cancel

    def look(*args, **kwargs):
        seen.append(connections["default"].in_atomic_block)
        return cancel(*args, **kwargs)

    monkeypatch.setattr(control, "cancel", look)
    assert ada.told(ada.act("/tandem/tasks/cancel/all", state="ready"))[0] == "done"
    assert seen == [False]
