"""The rule by which Async Servers yield to pages."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from django_tandem.monitor.pressure import DOWN_S, ENOUGH_REQUESTS, UP_S, Limits, Measured, next_level, strain
from django_tandem.queue.yielding import HIGHEST_LEVEL

LIMITS = Limits(page_p95=2.0, waiting=20)
WELL = Measured(page_p95=0.5, requests=100, waiting=0)

# What is seen, one after the other: after how many seconds, and how it is.
seen = st.lists(st.tuples(st.floats(0.1, 60), st.sampled_from(("tight", "near", "well"))), max_size=200)


def walk(steps, level=0):
    """(seconds, level) after each step, by the rule."""
    now, changed_at, walked = 0.0, -UP_S, [(0.0, level)]
    for after, how in steps:
        now += after
        new = next_level(level, now - changed_at, how)
        if new != level:
            level, changed_at = new, now
        walked.append((now, level))
    return walked


@given(seen)
def test_a_level_changes_by_one_and_never_sooner_than_its_time(steps):
    walked = walk(steps)
    changes = [(at, level - before) for (_, before), (at, level) in itertools.pairwise(walked) if level != before]
    assert all(change in (-1, 1) for _, change in changes)
    assert all(0 <= level <= HIGHEST_LEVEL for _, level in walked)
    for (before, _), (at, change) in itertools.pairwise(changes):
        assert at - before >= (UP_S if change > 0 else DOWN_S) - 1e-6


@given(seen.map(lambda steps: [(after, how) for after, how in steps if how != "tight"]), st.integers(0, HIGHEST_LEVEL))
def test_nothing_closes_where_nothing_is_tight(steps, level):
    levels = [one for _, one in walk(steps, level)]
    assert levels == sorted(levels, reverse=True)


def test_slots_close_step_by_step_while_pages_suffer_and_open_when_they_are_well():
    steps = [(5.0, "tight")] * 12 + [(5.0, "near")] * 20 + [(5.0, "well")] * 30
    levels = [level for _, level in walk(steps)]
    assert levels[1:9] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert set(levels[12:33]) == {HIGHEST_LEVEL}
    assert levels[-1] == 0


def test_what_passes_a_limit_is_told_with_its_figures():
    assert strain(WELL, LIMITS)[0] == "well"
    assert strain(WELL._replace(page_p95=2.5), LIMITS) == (
        "tight", "5 of 100 pages take longer than 2.5 s, limit 2.0 s",
    )  # fmt: skip
    assert strain(WELL._replace(waiting=21), LIMITS) == ("tight", "21 sessions of the database wait, limit 20")
    assert strain(WELL._replace(page_p95=1.7), LIMITS)[0] == "near"
    assert strain(WELL._replace(waiting=20), LIMITS)[0] == "near"


def test_few_requests_close_no_slots_and_open_none():
    few = Measured(page_p95=9.0, requests=ENOUGH_REQUESTS - 1, waiting=0)
    assert strain(few, LIMITS)[0] == "near"
    assert strain(few._replace(requests=ENOUGH_REQUESTS), LIMITS)[0] == "tight"


def test_what_is_not_asked_for_or_not_known_closes_nothing():
    bad = Measured(page_p95=99.0, requests=1000, waiting=9999)
    assert strain(bad, Limits(0, 0))[0] == "well"
    assert strain(bad, Limits(2.0, 0))[1].startswith("5 of 100 pages")
    assert strain(bad, Limits(0, 20))[1].startswith("9999 sessions")
    assert strain(Measured(None, 0, None), LIMITS)[0] == "well"
