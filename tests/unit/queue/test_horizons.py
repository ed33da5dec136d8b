"""From where on a claim looks, so that it keeps off what was claimed before, and what is looked into below that."""

from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.queue.allowance import SHARE
from django_tandem.queue.horizons import MOST_MISSED, MOST_POINTS, Horizons, Range
from django_tandem.queue.job import Job
from django_tandem.queue.sweep import BEGINNING, EVER, FIRST, RESCAN_S, SLICE_S

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def horizons(clock):
    return Horizons(("quick", "slow"), clock)


def job(queue, due, number=1):
    return Job(number, "a.task", "[[],{}]", 1, due, queue, 0, "default", NOON, None, None, NOON, None, None, 0, None, 0)


def bounds(horizons):
    return {one.queue: one.due for one in horizons.ranges() if one.until_due == EVER}


def points(horizons):
    return [(one.queue, one.due) for one in horizons.ranges() if one.until_due != EVER]


def sweep(horizons, clock, seconds=0.0):
    """Look wherever there is time for a look, each of which takes so long; where, as dues."""
    looks = []
    while (look := horizons.look()) is not None:
        clock.now += seconds
        horizons.looked(look, is_all=True)
        looks.append((look.where.queue, look.where.due, look.where.until_due))
    return looks


@pytest.fixture
def dear(horizons, clock):
    """Much has died below the horizon of "quick", which is NOON: a look takes a second, at first."""
    horizons.claimed([job("quick", NOON)], horizons.heard)
    clock.now += RESCAN_S
    assert sweep(horizons, clock, 1.0) == [("quick", BEGINNING, NOON)]
    return horizons


def test_at_first_there_is_no_bound(horizons):
    assert bounds(horizons) == {"quick": BEGINNING, "slow": BEGINNING}


def test_a_bound_follows_the_first_that_was_claimed_of_its_queue(horizons):
    horizons.claimed([job("quick", NOON), job("quick", NOON + MINUTE)], horizons.heard)
    assert bounds(horizons) == {"quick": NOON, "slow": BEGINNING}
    horizons.claimed([job("slow", NOON + MINUTE), job("quick", NOON + 2 * MINUTE)], horizons.heard)
    assert bounds(horizons) == {"quick": NOON + 2 * MINUTE, "slow": NOON + MINUTE}


def test_an_earlier_due_that_is_announced_lowers_the_bound_of_its_queue(horizons):
    horizons.claimed([job("quick", NOON), job("slow", NOON)], horizons.heard)
    horizons.announced("quick", NOON - MINUTE)
    assert bounds(horizons) == {"quick": NOON - MINUTE, "slow": NOON}


def test_a_later_due_that_is_announced_and_another_servers_queue_change_nothing(horizons):
    horizons.claimed([job("quick", NOON)], horizons.heard)
    horizons.announced("quick", NOON + MINUTE)
    horizons.announced("unknown", NOON - MINUTE)
    assert bounds(horizons) == {"quick": NOON, "slow": BEGINNING}


def test_what_is_announced_while_a_claim_is_on_its_way_is_not_passed_over(horizons):
    heard = horizons.heard
    horizons.announced("quick", NOON)
    horizons.claimed([job("quick", NOON + MINUTE)], heard)  # an answer that knew nothing of the announcement
    assert bounds(horizons)["quick"] <= NOON


def test_of_one_due_what_was_claimed_before_is_left_out_too(horizons):
    horizons.claimed([job("quick", NOON, 7), job("quick", NOON, 8)], horizons.heard)
    assert horizons.now() == [(NOON, 7), FIRST]
    horizons.announced("quick", NOON)  # another of the same due, whose id may be smaller
    assert horizons.now() == [(NOON, 0), FIRST]


def test_after_the_rescan_time_all_below_the_bounds_is_looked_into_once(horizons, clock):
    horizons.claimed([job("quick", NOON)], horizons.heard)
    clock.now += RESCAN_S - 0.01
    assert sweep(horizons, clock) == []
    clock.now += 0.02
    assert sweep(horizons, clock) == [("quick", BEGINNING, NOON)]
    assert bounds(horizons)["quick"] == NOON
    clock.now += RESCAN_S - 0.01
    assert sweep(horizons, clock) == []


def test_each_queue_is_looked_into(horizons, clock):
    horizons.claimed([job("quick", NOON), job("slow", NOON + MINUTE)], horizons.heard)
    for _ in range(3):
        clock.now += RESCAN_S
        assert sorted(sweep(horizons, clock)) == [("quick", BEGINNING, NOON), ("slow", BEGINNING, NOON + MINUTE)]


def test_where_more_is_ready_than_a_look_may_claim_it_is_looked_into_again(horizons, clock):
    horizons.claimed([job("quick", NOON)], horizons.heard)
    clock.now += RESCAN_S
    first = horizons.look()
    horizons.looked(first, is_all=False)
    again = horizons.look()
    assert again.where == first.where == Range("quick", *FIRST, NOON, 1)
    horizons.looked(again, is_all=True)
    assert horizons.look() is None


def test_where_much_has_died_looks_take_their_share_of_the_time_and_no_more(dear, clock):
    began, spent, longest = clock.now, 0.0, 0.0
    while clock.now < began + 150:
        look = dear.look()
        if look is None:
            clock.now += 0.01
            continue
        since, until = max(look.where.due, NOON - 10 * MINUTE), look.where.until_due
        seconds = 0.000_3 + max((until - since) / (10 * MINUTE), 0.0)  # a second for the last ten minutes
        clock.now += seconds
        dear.looked(look, is_all=True)
        spent, longest = spent + seconds, max(longest, seconds)
    assert spent <= SHARE * 150 + SLICE_S + longest
    assert spent > SHARE * 150 / 2
    assert longest < 0.1
    assert seconds <= SLICE_S


def test_a_long_way_to_the_database_is_not_taken_for_much_that_died(horizons, clock):
    for turn in range(20):
        horizons.claimed([job("quick", NOON + turn * SECOND)], horizons.heard, seconds=0.09)
        clock.now += 0.0903 / SHARE
        sweep(horizons, clock, 0.0903)
    seen = []
    for _ in range(40):
        clock.now += 0.0903 / SHARE
        seen += sweep(horizons, clock, 0.0903)
    assert seen[-1] == ("quick", BEGINNING, NOON + 19 * SECOND)


def test_where_much_has_died_a_due_that_is_announced_is_looked_for_by_itself(dear):
    dear.announced("quick", NOON - MINUTE)
    assert bounds(dear)["quick"] == NOON
    assert points(dear) == [("quick", NOON - MINUTE)]
    dear.claimed([job("quick", NOON - MINUTE), job("quick", NOON + MINUTE)], dear.heard)
    assert bounds(dear)["quick"] == NOON + MINUTE
    assert points(dear) == []


def test_and_what_may_have_been_announced_with_it_is_looked_into_soon(dear, clock):
    clock.now += 1.0 / SHARE  # what was spent is earned
    dear.announced("quick", NOON - MINUTE)
    seen = sweep(dear, clock, SLICE_S)
    clock.now += 2 * SLICE_S / SHARE
    seen += sweep(dear, clock, SLICE_S)
    assert [until for _, _, until in seen if until > NOON - MINUTE]
    assert [until for _, _, until in seen if until <= NOON - MINUTE]  # the others do not wait for ever


def test_such_a_due_stays_until_a_claim_that_began_after_it_has_found_all_that_is_due_then(dear):
    heard = dear.heard
    dear.announced("quick", NOON - MINUTE)
    dear.claimed([], heard, is_all=True)  # it knew nothing of the announcement
    dear.claimed([job("quick", NOON - MINUTE)], dear.heard)  # there may be more of them
    dear.claimed([job("quick", NOON - 2 * MINUTE)], dear.heard)
    assert points(dear) == [("quick", NOON - MINUTE)]
    dear.claimed([], dear.heard, is_all=True)
    assert points(dear) == []


def test_a_claim_with_a_bound_above_looks_for_no_due_beyond_it(dear):
    dear.announced("quick", NOON - MINUTE)
    at = {one.due: one.until_due for one in dear.ranges(NOON - MINUTE) if one.queue == "quick"}
    assert at == {NOON: NOON - MINUTE}


def test_nothing_is_looked_for_twice_in_a_claim(dear, clock):
    for due in (NOON, NOON - MINUTE):
        dear.announced("quick", due)
    assert sorted(dear.ranges())[:2] == [
        Range("quick", NOON - MINUTE, 0, NOON - MINUTE + timedelta(microseconds=1), 0),
        Range("quick", NOON, 0, EVER, 0),
    ]
    while bounds(dear)["quick"] == NOON:  # until it is known that it would be cheap
        clock.now += 1.0 / SHARE
        sweep(dear, clock)
        dear.announced("quick", NOON - 2 * MINUTE)
    assert [one for one in dear.ranges() if one.queue == "quick"] == [Range("quick", NOON - 2 * MINUTE, 0, EVER, 0)]


def test_of_more_such_dues_than_are_kept_none_is_lost(dear):
    for n in range(1, MOST_POINTS + 1):
        dear.announced("quick", NOON - n * MINUTE)
    assert (bounds(dear)["quick"], len(points(dear))) == (NOON, MOST_POINTS)
    dear.announced("quick", NOON - 30 * SECOND)
    assert (bounds(dear)["quick"], points(dear)) == (NOON - MOST_POINTS * MINUTE, [])


def test_after_more_announcements_than_are_remembered_the_bound_stays(horizons):
    heard = horizons.heard
    for _ in range(MOST_MISSED + 1):
        horizons.announced("quick", NOON)
    horizons.claimed([job("quick", NOON + MINUTE)], heard)
    assert bounds(horizons)["quick"] == BEGINNING


def test_after_a_drop_there_is_no_bound(dear):
    dear.announced("quick", NOON - MINUTE)
    dear.drop()
    assert bounds(dear) == {"quick": BEGINNING, "slow": BEGINNING}
    assert points(dear) == []


def test_who_follows_learns_where_nothing_is_ready_and_keeps_what_it_has_heard(horizons, clock):
    other = Horizons(("quick", "slow"), clock)
    horizons.followed_by(other)
    heard = horizons.heard
    for one in (horizons, other):
        one.announced("slow", NOON)
    horizons.claimed([job("quick", NOON), job("slow", NOON + MINUTE)], heard)
    assert bounds(other) == {"quick": NOON, "slow": NOON}
    other.claimed([job("quick", NOON + MINUTE)], other.heard)
    assert bounds(horizons)["quick"] == NOON
    horizons.claimed([job("quick", NOON)], heard)  # which the other knows to be below
    assert bounds(other)["quick"] == NOON + MINUTE
