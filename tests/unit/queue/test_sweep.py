"""Below a horizon everything is looked into, in slices that are cheap, whatever is dead there."""

from bisect import bisect_left
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.sweep import (
    BEGINNING,
    CHEAP_S,
    FIRST,
    LONG_S,
    MOST_PARTS,
    MOST_SLICES,
    RESCAN_S,
    SLICE_S,
    SLOW_S,
    Sweep,
    edges_within,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sweep(clock):
    return Sweep(clock)


def place(seconds, number=1):
    return NOON + seconds * SECOND, number


def covers(sweep):
    """Whether the slices, and what lies beyond them, are all places once."""
    edges = [FIRST, *(one.until for one in sweep.slices)]
    return edges[-1] == sweep.edge and all(
        (one.since, one.until) == pair and one.since < one.until
        for one, pair in zip(sweep.slices, pairwise(edges), strict=True)
    )


def test_where_looks_are_cheap_one_slice_is_all(sweep, clock):
    for turn in range(10):
        horizon = place(turn)
        sweep.risen(horizon, 0.0)
        clock.now += RESCAN_S
        while (one := sweep.next(horizon)) is not None:
            sweep.looked(one, CHEAP_S / 4)
        assert [(one.since, one.until) for one in sweep.slices] == [(FIRST, horizon)]


def test_nothing_is_looked_into_before_its_time(sweep, clock):
    sweep.risen(place(0), 0.0)
    assert sweep.next(place(0)) is None
    clock.now += RESCAN_S
    one = sweep.next(place(0))
    assert (one.since, one.until) == (FIRST, place(0))
    assert sweep.next(place(0)) is None
    sweep.looked(one, 0.0)
    clock.now += RESCAN_S - 0.01
    assert sweep.next(place(0)) is None
    clock.now += 0.01
    assert sweep.next(place(0)) is one


def test_nothing_above_the_horizon_is_looked_into(sweep, clock):
    clock.now += RESCAN_S
    sweep.risen(place(0), 0.0)
    clock.now += RESCAN_S
    sweep.risen(place(10), 0.0)
    clock.now += RESCAN_S
    assert [one.since for one in (sweep.next(place(-5)), sweep.next(place(-5))) if one] == [FIRST]


def test_what_is_new_comes_first_and_keeps_nothing_old_waiting_for_ever(sweep, clock):
    clock.now += RESCAN_S
    sweep.risen(place(0), 0.0)
    sweep.looked(sweep.next(place(0)), 0.9 * SLICE_S)
    seen = []
    for turn in range(1, 20):
        clock.now += RESCAN_S
        sweep.risen(place(turn), 0.0)  # one more each time, and time for two looks
        for _ in range(2):
            one = sweep.next(place(turn))
            sweep.looked(one, 0.9 * SLICE_S)
            seen.append(one.since)
        assert place(turn - 1) in seen
    assert seen.count(FIRST) > 1


def test_what_may_have_been_announced_comes_before_what_was_not_looked_into_for_longest(sweep, clock):
    for turn in range(5):
        clock.now += RESCAN_S
        sweep.risen(place(turn), 0.0)
    while (one := sweep.next(place(4))) is not None:
        sweep.looked(one, 0.9 * SLICE_S)
    sweep.announced(place(2.5)[0])
    found = {sweep.next(place(4)).since for _ in range(2)}
    assert found == {place(2), place(3)}
    assert sweep.next(place(4)) is None


def test_to_walk_over_all_from_a_due_on_is_cheap_where_little_has_died(sweep, clock):
    for turn in range(3):
        clock.now += RESCAN_S
        sweep.risen(place(turn * 10), 0.0)
        while (one := sweep.next(place(turn * 10))) is not None:
            sweep.looked(one, SLICE_S * 0.9)
    assert sweep.is_cheap(place(20)[0])
    assert sweep.is_cheap(place(16)[0])  # four tenths of the last slice, if it is spread evenly
    assert not sweep.is_cheap(place(5)[0])
    assert not sweep.is_cheap(place(-5)[0])


def test_what_a_claim_walked_over_for_long_is_split_before_it_is_looked_into(sweep):
    sweep.risen(place(0), 2 * LONG_S)
    assert len(sweep.slices) > MOST_PARTS
    assert not sweep.is_cheap(place(-1)[0])


def test_two_who_look_at_once_disturb_nothing(sweep, clock):
    clock.now += RESCAN_S
    sweep.risen(place(0), 0.0)
    first = sweep.next(place(0))
    clock.now += RESCAN_S
    second = sweep.next(place(0))
    assert first is second
    sweep.looked(first, 2 * SLOW_S)
    parts = [(one.since, one.until) for one in sweep.slices]
    sweep.looked(second, 2 * SLOW_S)
    assert [(one.since, one.until) for one in sweep.slices] == parts


def test_one_slow_look_splits_nothing_and_two_do(sweep, clock):
    clock.now += RESCAN_S
    sweep.risen(place(0), 0.0)
    for seconds, count in ((2 * SLICE_S, 1), (CHEAP_S, 1), (2 * SLICE_S, 1), (3 * SLICE_S, 18 * 2 + 1)):
        clock.now += RESCAN_S
        sweep.looked(sweep.next(place(0)), seconds)
        assert len(sweep.slices) == count


def test_where_looks_are_slow_whatever_is_there_slices_do_not_become_more_and_more(sweep, clock):
    clock.now += RESCAN_S
    sweep.risen(place(0), 0.0)
    for _ in range(150):
        clock.now += RESCAN_S
        sweep.looked(sweep.next(place(0)), 2 * SLOW_S)
    assert len(sweep.slices) <= MOST_SLICES


places = st.tuples(
    st.integers(-(10**9), 10**9).map(lambda n: NOON + n * timedelta(microseconds=1)), st.integers(0, 10**6)
)


@given(st.tuples(st.just(FIRST) | places, places).filter(lambda ends: ends[0] < ends[1]), st.integers(1, MOST_PARTS))
def test_edges_rise_and_lie_within(ends, parts):
    since, until = ends
    edges = edges_within(since, until, parts)
    assert [since, *edges, until] == sorted({since, *edges, until})
    assert since == FIRST or len(edges) < parts


def test_a_span_is_split_evenly_and_what_is_far_away_at_distances_that_grow():
    assert edges_within(place(0), place(4), 4) == [place(n, 0) for n in (1, 2, 3)]
    assert edges_within(place(0, 10), place(0, 20), 5) == [place(0, n) for n in (12, 14, 16, 18)]
    edges = edges_within(FIRST, place(0), 1)
    assert edges[-4:] == [place(-64, 0), place(-16, 0), place(-4, 0), place(-1, 0)]
    assert edges[0][0] > BEGINNING


# What happens, one after the other: the horizon moves so far, or there is time for looks, or some dues die.
happening = st.one_of(
    st.tuples(st.just("rise"), st.integers(1, 600)),
    st.tuples(st.just("sink"), st.integers(1, 600)),
    st.tuples(st.just("look"), st.integers(1, 5)),
    st.tuples(st.just("wait"), st.floats(0.01, 3)),
    st.tuples(st.just("dies"), st.tuples(st.integers(-3600, 600), st.integers(1, 50_000))),
    st.tuples(st.just("told"), st.integers(-600, 600)),
)


@given(st.lists(happening, max_size=60))
def test_whatever_dies_the_slices_cover_all_and_within_a_sweep_each_is_looked_into(happenings):
    clock = Clock()
    sweep, horizon, dead, highest = Sweep(clock), place(0), [], place(0)

    def look():
        one = sweep.next(horizon)
        if one is None:
            return None
        until = min(one.until, horizon)
        # a microsecond for each that died there, and what a round trip takes
        seconds = 0.000_3 + (bisect_left(dead, until) - bisect_left(dead, one.since)) / 1e6 * 1000
        clock.now += seconds
        sweep.looked(one, seconds)
        return one.since, until

    for what, how in happenings:
        if what == "rise":
            horizon = (horizon[0] + how * SECOND, 1)
            highest = max(highest, horizon)
            sweep.risen(horizon, 0.0)
        elif what == "sink":
            horizon = (horizon[0] - how * SECOND, 1)
        elif what == "look":
            for _ in range(how):
                look()
        elif what == "wait":
            clock.now += how
        elif what == "dies":
            at, count = how
            dead = sorted([*dead, *(place(at + n / 100, n) for n in range(count // 1000))])
        else:
            sweep.announced(horizon[0] + how * SECOND)
        assert covers(sweep)

    clock.now += RESCAN_S
    began, looked_into = clock.now, []
    while len(looked_into) < 20_000 and (found := look()) is not None and clock.now < began + 1000:
        looked_into.append(found)
        if len(looked_into) % 50 == 0 and _all(looked_into, horizon):
            break
    assert _all(looked_into, horizon)
    assert covers(sweep)


def _all(looked_into, horizon):
    """Whether all below the horizon was looked into."""
    reached = FIRST
    for since, until in sorted(looked_into):
        if since > reached:
            return False
        reached = max(reached, until)
    return reached >= horizon
