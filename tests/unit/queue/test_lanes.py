"""What one lane of a worker learns and hears, all of them know: also those that have no slots now."""

import threading
from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.queue.job import Job
from django_tandem.queue.lanes import Lanes
from django_tandem.queue.priority import NO_RESERVE
from django_tandem.queue.sweep import FIRST
from django_tandem.queue.yielding import Split

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lanes():
    return Lanes(4, NO_RESERVE, ("quick",), threading.Lock())


def claimed(due):
    return [Job(1, "a.task", "[[],{}]", 1, due, "quick", 0, "default", NOON, None, None, NOON, None, None, 0, None, 0)]


def bounds(lanes):
    """Of the general lane, of the usual, and of the pressing."""
    lanes.divide(Split(2, 1, 1))
    return [lane.horizons.now()[0] for lane in lanes.all]


def test_where_the_general_lane_found_nothing_the_others_do_not_look(lanes):
    lanes.general.horizons.claimed(claimed(NOON), lanes.general.horizons.heard)
    assert bounds(lanes) == [(NOON, 1)] * 3


def test_what_is_announced_while_a_lane_has_no_slots_is_not_passed_over_when_it_has(lanes):
    heard = lanes.general.horizons.heard
    lanes.announced("quick", NOON)
    lanes.general.horizons.claimed(claimed(NOON + MINUTE), heard)  # an answer that knew nothing of the announcement
    assert bounds(lanes) == [(NOON, 0)] * 3


def test_after_a_lost_connection_all_look_everywhere(lanes):
    lanes.general.horizons.claimed(claimed(NOON), lanes.general.horizons.heard)
    lanes.general.dry = True
    lanes.forget()
    assert bounds(lanes) == [FIRST] * 3
    assert not lanes.general.dry
