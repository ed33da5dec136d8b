"""What failed, by its cause."""

import re

from django_tandem.monitor.dashboard import failed
from tests.integration.monitor.dashboard import made

PAGE = "/tandem/tasks/failed/"


def test_nothing_failed(ada, database):
    made.results(database, 1)
    assert "No job that is kept has failed." in ada.text(PAGE)


def test_failures_are_grouped_by_error_and_task_most_first(ada, database):
    made.results(database, 1, 2, error="builtins.ValueError")
    made.results(database, 3, 5, error="builtins.ValueError", task="tests.jobs.fail")
    made.results(database, 8, 3, error="requests.exceptions.ConnectionError")
    text = ada.text(PAGE)
    assert re.findall(r'\?state=failed&amp;task=[\w.]+&amp;error=[\w.]+">(\d+)</a>', text) == ["5", "3", "2"]
    assert "All 10 jobs that failed" in text
    assert "/tandem/tasks/10/" in text  # the newest of its group, to look at


def test_a_bounded_number_is_looked_at(ada, database, monkeypatch):
    monkeypatch.setattr(failed, "LOOKED_FOR_ERROR", 4)
    made.results(database, 1, 9, error="builtins.ValueError")
    assert "The 4 newest jobs that failed; there are more" in ada.text(PAGE)


def test_a_group_leads_to_its_jobs_and_to_its_retry(ada, database):
    made.results(database, 1, 3, error="builtins.ValueError")
    made.results(database, 4, 3, error="builtins.KeyError")
    text = ada.text(PAGE)
    (jobs, retry) = re.findall(r'href="([^"]*\?[^"]*error=builtins\.KeyError)"', text)
    assert re.findall(r'"/tandem/tasks/(\d+)/"', ada.text(jobs.replace("&amp;", "&"))) == ["6", "5", "4"]
    asked = ada.text(retry.replace("&amp;", "&"))
    assert "3 failed jobs become ready again." in asked
