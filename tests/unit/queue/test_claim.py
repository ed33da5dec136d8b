"""The lower bounds on due that keep a claim off what was claimed before."""

from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.queue.claim import BEGINNING, RESCAN_S, Horizons
from django_tandem.queue.job import Job

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


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


def job(queue, due):
    return Job(1, "a.task", "[[],{}]", 1, due, queue, 0, "default", NOON, None, None, NOON, None, None, 0, None, 0)


def bounds(horizons):
    return dict(zip(horizons.queues, horizons.now(), strict=True))


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


def test_after_the_rescan_time_the_bounds_are_dropped_once(horizons, clock):
    horizons.claimed([job("quick", NOON)], horizons.heard)
    clock.now += RESCAN_S - 0.01
    assert bounds(horizons)["quick"] == NOON
    clock.now += 0.02
    assert bounds(horizons)["quick"] == BEGINNING
    horizons.claimed([job("quick", NOON)], horizons.heard)
    assert bounds(horizons)["quick"] == NOON
