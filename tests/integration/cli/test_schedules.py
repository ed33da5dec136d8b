"""`tandem schedules`: what recurs, in words, and what is done to it."""

import json

import pytest

from django_tandem import cron
from django_tandem.queue import firing, recurring
from tests import jobs as shared
from tests.integration.queue.conftest import jobs, others, rows  # noqa: F401 - fixtures

NAME = "tests.jobs.nothing"


@pytest.fixture(autouse=True)
def weekdays(monkeypatch, database):
    monkeypatch.setattr(recurring, "_schedules", {})
    cron("0 6 * * 1-5", tz="Europe/Berlin")(shared.nothing)
    firing.sync("test")
    yield
    database.execute("DELETE FROM tandem_schedule")


def test_they_are_listed_in_words_with_their_zone(tandem):
    shown = tandem("schedules", "list").stdout
    for words in (NAME, "At 06:00 on Monday through Friday", "Europe/Berlin"):
        assert words in shown
    (one,) = json.loads(tandem("schedules", "list", "--json").stdout)
    assert (one["name"], one["expression"], one["fired_at"]) == (NAME, "0 6 * * 1-5", None)


def test_without_any_it_says_how_to_make_one(tandem, database):
    database.execute("DELETE FROM tandem_schedule")
    assert tandem("schedules", "list").stdout == "no schedules: put @cron above a task, in a module called tasks\n"


def test_one_is_run_now(tandem, jobs):  # noqa: F811
    done = tandem("schedules", "run", NAME)
    assert done.stdout == f"enqueued job {jobs()[0]['id']}\n"


def test_one_is_paused_and_resumed(tandem):
    assert tandem("schedules", "pause", NAME).stdout == f"paused schedule {NAME}\n"
    assert tandem("schedules", "pause", NAME).stdout == f"schedule {NAME} is paused already\n"
    assert "paused by" in tandem("schedules", "list").stdout
    assert json.loads(tandem("schedules", "resume", NAME, "--json").stdout) == {"schedule": NAME, "changed": True}


def test_one_that_is_not_there_is_named_with_those_that_are(tandem):
    done = tandem("schedules", "pause", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tandem: there is no schedule nowhere; the active release has {NAME}\n"
