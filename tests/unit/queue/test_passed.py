"""How far a backlog that yields was looked past: never past what was announced meanwhile."""

from datetime import datetime, timedelta, timezone

from django_tandem.queue.horizons import MOST_MISSED
from django_tandem.queue.passed import RESCAN_S, START, Passed

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


def at(seconds, id_=0):
    return NOON + timedelta(seconds=seconds), id_


def test_a_look_goes_on_from_where_the_last_one_ended():
    passed = Passed(["a", "b"])
    assert passed.now() == {"a": START, "b": START}
    passed.looked({"a": at(5, 7)}, passed.heard, has_more=True)
    assert passed.now() == {"a": at(5, 7), "b": START}
    assert passed.has_more


def test_what_is_announced_is_not_passed_whether_before_a_look_or_during_it():
    passed = Passed(["a"])
    passed.looked({"a": at(9, 1)}, passed.heard, has_more=False)
    passed.announced("a", NOON)
    assert passed.now() == {"a": at(0)}
    heard = passed.heard
    passed.announced("a", NOON + timedelta(seconds=3))
    passed.announced("other", NOON)
    passed.looked({"a": at(20, 1)}, heard, has_more=False)
    assert passed.now() == {"a": at(3)}


def test_where_too_much_was_announced_during_a_look_it_stays_where_it_was():
    passed = Passed(["a"])
    for _ in range(MOST_MISSED + 1):
        passed.announced("a", NOON)
    passed.looked({"a": at(9, 1)}, 0, has_more=False)
    assert passed.now() == {"a": START}


def test_it_begins_at_the_front_again_for_what_no_announcement_told():
    now = [0.0]
    passed = Passed(["a"], clock=lambda: now[0])
    passed.looked({"a": at(9, 1)}, passed.heard, has_more=False)
    now[0] = RESCAN_S - 1
    assert passed.now() == {"a": at(9, 1)}
    now[0] = RESCAN_S
    assert passed.now() == {"a": START}
