"""When a schedule fires: cron expressions, time zones, both changes of the clocks, missed times."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_tandem import cron, task
from django_tandem.queue import recurring
from django_tandem.queue.recurring import MOST_MADE_UP, Schedule


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def work():
    """A task of this page."""


WORK = task(work)


def schedule(expression, zone="UTC", missed="once"):
    return Schedule(name="s", task=WORK, expression=expression, zone=zone, missed=missed)


def next_times(one, after, count):
    found = []
    for _ in range(count):
        after = one.next_after(after)
        found.append(after)
    return found


def test_a_time_is_that_of_its_zone():
    assert schedule("0 6 * * *", "Europe/Berlin").next_after(utc(2026, 7, 1)) == utc(2026, 7, 1, 4)
    assert schedule("0 6 * * *", "Europe/Berlin").next_after(utc(2026, 1, 1)) == utc(2026, 1, 1, 5)
    assert schedule("0 6 * * *", "").next_after(utc(2026, 1, 1)) == utc(2026, 1, 1, 6)  # settings.TIME_ZONE


def test_where_clocks_are_put_forward_a_time_that_does_not_exist_comes_after_the_gap_and_once():
    times = next_times(schedule("30 2 * * *", "Europe/Berlin"), utc(2026, 3, 28, 12), 2)
    assert times == [utc(2026, 3, 29, 1), utc(2026, 3, 30, 0, 30)]


def test_where_clocks_are_put_back_a_set_hour_comes_once():
    times = next_times(schedule("30 2 * * *", "Europe/Berlin"), utc(2026, 10, 24, 12), 2)
    assert times == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]


def test_every_half_hour_comes_in_both_of_them():
    times = next_times(schedule("*/30 * * * *", "Europe/Berlin"), utc(2026, 10, 24, 23, 45), 6)
    assert times == [utc(2026, 10, 25, 0) + timedelta(minutes=30 * n) for n in range(6)]


def test_seconds_may_come_first():
    assert schedule("*/20 * * * * *").next_after(utc(2026, 1, 1)) == utc(2026, 1, 1, 0, 0, 20)


def test_a_day_that_never_comes_is_refused():
    with pytest.raises(ValueError, match="no cron expression"):
        cron("0 0 30 2 *")


NOON = utc(2026, 1, 1, 12)


@pytest.mark.parametrize(
    ("missed", "fired"),
    [
        ("skip", [NOON]),
        ("once", [NOON]),
        ("all", [NOON - timedelta(hours=2), NOON - timedelta(hours=1), NOON]),
    ],
)
def test_what_was_missed_is_made_up_for_as_it_says(missed, fired):
    one = schedule("0 * * * *", missed=missed)
    assert one.to_fire(NOON - timedelta(hours=2), NOON + timedelta(seconds=1)) == fired


@pytest.mark.parametrize(
    ("missed", "fired"), [("skip", []), ("once", [NOON]), ("all", [NOON - timedelta(hours=1), NOON])]
)
def test_a_minute_late_is_missed(missed, fired):
    one = schedule("0 * * * *", missed=missed)
    assert one.to_fire(NOON - timedelta(hours=1), NOON + timedelta(minutes=2)) == fired


def test_of_endless_missed_times_only_so_many_are_made_up_for():
    fired = schedule("* * * * * *", missed="all").to_fire(utc(2000, 1, 1), NOON)
    assert (len(fired), fired[-1]) == (MOST_MADE_UP, NOON)


@settings(deadline=None)
@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "15 1-4 * * *", "0 0 1 * *", "5,35 * * * sun"]),
    st.sampled_from(["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 2 * 365 * 86_400).map(lambda seconds: utc(2025, 1, 1) + timedelta(seconds=seconds)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_looking_back_finds_what_looking_forward_said(expression, zone, since, span):
    """However often somebody looked: one look over a span fires the times that many looks would have."""
    one, now = schedule(expression, zone, missed="all"), since + span
    expected, after = [], since - timedelta(seconds=1)
    while (after := one.next_after(after)) is not None and after <= now:
        expected.append(after)
    assert one.to_fire(since, now) == expected[-MOST_MADE_UP:]


def test_it_says_itself_in_words():
    assert schedule("0 6 * * 1-5").words() == "At 06:00 on Monday through Friday"


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(recurring, "_schedules", {})
    return recurring.schedules


def test_the_decorator_returns_the_task_and_knows_it_by_its_path(registry):
    assert cron("0 6 * * *", tz="Europe/Berlin", args=(1,), kwargs={"a": 2})(WORK) is WORK
    (name, one), *_ = recurring.schedules().items()
    assert (name, one.zone, one.missed, one.args, one.kwargs) == (
        WORK.module_path,
        "Europe/Berlin",
        "once",
        (1,),
        {"a": 2},
    )


def test_a_task_with_several_schedules_names_them(registry):
    cron("0 6 * * *")(WORK)
    cron("0 6 * * *")(WORK)  # its module was imported again
    with pytest.raises(ValueError, match=r"there is a schedule .*work' already; expected another name="):
        cron("0 7 * * *")(WORK)
    cron("0 7 * * *", name="later")(WORK)
    assert set(recurring.schedules()) == {WORK.module_path, "later"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: cron("0 25 * * *"), r"'0 25 \* \* \*' is no cron expression; expected such as '0 6"),
        (lambda: cron(""), "'' is no cron expression"),
        (lambda: cron("0 6 * * *", tz="Mars/North"), "tz is 'Mars/North'; expected the name of a time zone"),
        (lambda: cron("0 6 * * *", missed="never"), "missed is 'never'; expected 'skip', 'once' or 'all'"),
        (lambda: cron("0 6 * * *")(work), "is no task; expected @cron above @task"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
