"""Schedules fire once in the whole fleet, by the code of the active release, and say what became of it."""

import logging
import threading
from datetime import datetime, timedelta, timezone

import pytest
from django.db import connections

from django_tandem import cron
from django_tandem.errors import ScheduleNotFound
from django_tandem.queue import fence, firing, recurring
from tests import jobs as shared
from tests.integration.queue import policies
from tests.integration.queue.conftest import RELEASE
from tests.waiting import until

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def registry(monkeypatch, database):
    """No schedules but those of the test."""
    monkeypatch.setattr(recurring, "_schedules", {})
    yield
    database.execute("DELETE FROM tandem_schedule")
    database.execute("DELETE FROM tandem_firing")


@pytest.fixture
def make_due(database):
    """Let schedules have been due for so long."""

    def make_due(span=timedelta(seconds=1)):
        database.execute("UPDATE tandem_schedule SET next_at = clock_timestamp() - %s", [span])

    return make_due


@pytest.fixture
def firings(rows):
    return lambda: rows("SELECT * FROM tandem_firing ORDER BY fire_at, schedule")


def fire():
    """Fire all that is due; how many schedules were."""
    fired = 0
    while firing.fire_next(RELEASE):
        fired += 1
    return fired


def test_a_due_schedule_enqueues_its_task_with_its_arguments_and_goes_on(make_due, jobs, firings):
    cron("* * * * *", args=(1,), kwargs={"b": 2})(shared.add)
    firing.sync(RELEASE)
    make_due(MINUTE)
    assert fire() == 1
    (job,) = jobs()
    assert (job["task"], job["arguments"]) == ("tests.jobs.add", '[[1],{"b":2}]')
    assert [(row["job"], row["error"]) for row in firings()] == [(job["id"], None)] * len(firings())
    (row,) = firing.listed()
    assert row.next_at > datetime.now(timezone.utc)
    assert (row.job, row.zone, row.missed) == (job["id"], "UTC", "once")
    assert fire() == 0


def test_missed_times_are_made_up_for_by_the_schedules_policy(make_due, jobs):
    cron("* * * * *", missed="all", name="all")(shared.nothing)
    cron("* * * * *", missed="once", name="once")(shared.add)
    cron("0 0 1 1 *", missed="skip", name="skip")(shared.fail)
    firing.sync(RELEASE)
    make_due(5 * MINUTE)
    assert fire() == 3
    made = [job["task"].rpartition(".")[2] for job in jobs()]
    assert made.count("nothing") == 5
    assert made.count("add") == 1
    assert "fail" not in made


def test_ten_schedulers_fire_each_time_once(make_due, jobs, firings):
    for number in range(5):
        cron("* * * * *", missed="all", name=f"number {number}")(shared.nothing)
    firing.sync(RELEASE)
    make_due(20 * MINUTE)
    go = threading.Barrier(10)

    def scheduler():
        go.wait()
        fire()
        connections.close_all()

    threads = [threading.Thread(target=scheduler) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while fire():  # what was locked by another when somebody looked
        pass
    assert len(firings()) == len(jobs()) == 100


def test_a_time_that_fired_does_not_fire_again_whatever_the_table_of_schedules_says(make_due, jobs):
    cron("* * * * *")(shared.nothing)
    firing.sync(RELEASE)
    make_due(MINUTE)
    fire()
    make_due(MINUTE)
    fire()
    assert len(jobs()) <= 2  # one more only where a minute began in between
    make_due(MINUTE)
    before = len(jobs())
    fire()
    assert len(jobs()) - before <= 1


def test_only_the_active_release_fires_and_changes_schedules(make_due, jobs, database, rows):
    cron("* * * * *")(shared.nothing)
    firing.sync(RELEASE)
    make_due()
    fence.activate(database, "next")
    assert fire() == 0
    recurring.schedules().clear()
    firing.sync(RELEASE)
    assert len(rows("SELECT * FROM tandem_schedule")) == 1
    firing.sync("next")
    assert rows("SELECT * FROM tandem_schedule") == []
    assert jobs() == []


def test_a_changed_schedule_takes_its_new_time_and_an_unchanged_one_keeps_what_is_due(make_due, rows, caplog):
    cron("0 0 1 1 *", name="changed")(shared.nothing)
    cron("0 0 1 1 *", name="kept")(shared.nothing)
    cron("0 0 1 1 *", name="removed")(shared.nothing)
    firing.sync(RELEASE)
    make_due()
    recurring.schedules().clear()
    cron("0 0 2 1 *", name="changed")(shared.nothing)
    cron("0 0 1 1 *", name="kept")(shared.nothing)
    with caplog.at_level(logging.INFO):
        firing.sync(RELEASE)
    due = {row["name"]: row["next_at"] < datetime.now(timezone.utc) for row in rows("SELECT * FROM tandem_schedule")}
    assert due == {"changed": False, "kept": True}
    assert "schedule removed is not in this release: removed" in caplog.text


def test_a_task_that_cannot_be_enqueued_is_reported_and_holds_up_no_other(make_due, jobs, firings, caplog):
    cron("* * * * *", name="a")(policies.score_badly)
    cron("* * * * *", name="b")(shared.nothing)
    firing.sync(RELEASE)
    make_due(MINUTE)
    fire()
    assert [job["task"] for job in jobs()] == ["tests.jobs.nothing"]
    assert "schedule a: its job could not be enqueued: InvalidJob" in caplog.text
    assert "unique key cannot be made" in next(row for row in firing.listed() if row.name == "a").error
    assert fire() == 0


def test_a_paused_schedule_does_not_fire_and_does_not_make_up_for_it(make_due, jobs):
    cron("* * * * *", missed="all")(shared.nothing)
    firing.sync(RELEASE)
    name = shared.nothing.module_path
    assert firing.pause(name, by="Ada")
    assert not firing.pause(name, by="Bob")
    make_due(5 * MINUTE)
    assert fire() == 0
    firing.sync(RELEASE)  # a new release does not resume it
    assert firing.listed()[0].paused_by == "Ada"
    assert firing.resume(name)
    assert not firing.resume(name)
    assert fire() == 0
    assert jobs() == []


def test_it_can_be_run_now(jobs):
    cron("0 0 1 1 *", args=(1,))(shared.add)
    firing.sync(RELEASE)
    firing.run_now(shared.add.module_path)
    assert [job["arguments"] for job in jobs()] == ["[[1],{}]"]
    with pytest.raises(
        ScheduleNotFound, match=r"there is no schedule nowhere; the active release has tests\.jobs\.add"
    ):
        firing.run_now("nowhere")


def test_what_is_not_in_the_code_here_is_not_run_without_its_arguments(jobs):
    cron("0 0 1 1 *", args=(1,))(shared.add)
    firing.sync(RELEASE)
    recurring.schedules().clear()
    with pytest.raises(ScheduleNotFound, match=r"the code here has no schedule tests\.jobs\.add; run this where"):
        firing.run_now(shared.add.module_path)
    assert jobs() == []
    assert firing.pause(shared.add.module_path, by="Ada")
    assert firing.resume(shared.add.module_path)


def test_old_firings_are_forgotten_and_the_last_is_not(make_due, firings, database):
    cron("* * * * *", missed="all")(shared.nothing)
    firing.sync(RELEASE)
    make_due(5 * MINUTE)
    fire()
    database.execute("UPDATE tandem_firing SET fired_at = fired_at - interval '40 days'")
    newest = firings()[-1]
    firing.forget_old()
    assert firings() == [newest]


def test_the_loop_fires_under_its_release_and_stops(jobs, database):
    cron("* * * * * *")(shared.nothing)
    stop = threading.Event()
    loop = threading.Thread(target=firing.run, args=(RELEASE, stop))
    loop.start()
    try:
        until(lambda: len(jobs()) >= 2)
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query LIKE '%tandem_schedule%'"
        )
        seen = len(jobs())
        until(lambda: len(jobs()) > seen)
    finally:
        stop.set()
        loop.join()
    assert len({job["enqueued_at"].replace(microsecond=0) for job in jobs()}) >= len(jobs()) - 1
