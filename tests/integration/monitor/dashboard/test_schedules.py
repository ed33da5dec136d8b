"""The page of schedules, and what may be done there."""

import pytest

from django_tandem import cron
from django_tandem.queue import firing
from tests import jobs as shared
from tests.integration.monitor.conftest import RELEASE

NAME = "tests.jobs.add"


@pytest.fixture
def schedule(database):
    """One that fires at six."""
    cron("0 6 * * *", tz="Europe/Berlin", args=(1,), kwargs={"b": 2})(shared.add)
    firing.sync(RELEASE)


def test_it_says_when_in_words(ada, schedule):
    text = ada.text("/tandem/schedules/")
    assert "At 06:00 every day" in text
    assert "Europe/Berlin" in text
    assert "are made up for once" in text


def test_without_schedules_it_says_how_to_have_one(ada):
    assert "Nothing recurs" in ada.text("/tandem/schedules/")


def test_run_now_enqueues_the_job(ada, schedule, audited, database):
    outcome, text = ada.told(ada.act(f"/tandem/schedules/run/{NAME}"))
    ((job, arguments),) = database.execute("SELECT id, arguments FROM tandem_job").fetchall()
    assert (outcome, text) == ("done", f"run schedule {NAME}: job {job} is enqueued")
    assert arguments == '[[1],{"b":2}]'
    assert audited() == [("ada", "run schedule", "done", f"{NAME}: job {job} is enqueued")]


def test_pause_and_resume(ada, schedule):
    assert ada.told(ada.act(f"/tandem/schedules/pause/{NAME}")) == ("done", f"pause schedule {NAME} is paused")
    assert firing.listed()[0].paused_by == "ada"
    assert "paused</span> by ada" in ada.text("/tandem/schedules/")
    assert ada.told(ada.act(f"/tandem/schedules/pause/{NAME}"))[1].endswith("was paused already")
    assert ada.told(ada.act(f"/tandem/schedules/resume/{NAME}"))[0] == "done"
    assert firing.listed()[0].paused_by is None


def test_one_that_went_meanwhile_is_told(ada, audited):
    outcome, text = ada.told(ada.act("/tandem/schedules/run/gone"))
    assert outcome == "failed"
    assert "gone" in text
    assert audited()[0][2] == "failed"


def test_a_name_from_outside_cannot_write_into_the_page(ada, database):
    database.execute(
        "INSERT INTO tandem_schedule VALUES ('<script>x</script>', 't', '* * * * *', 'UTC', 'skip', now(), NULL)"
    )
    assert "<script>x" not in ada.text("/tandem/schedules/")
