"""Histograms add up, and tell quantiles within a tenth."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.monitor import histogram

SECONDS = st.floats(0, 100_000)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_quantiles_are_right_within_a_tenth(share):
    chance = random.Random(5)  # noqa: S311 - the same in each run
    values = sorted(chance.lognormvariate(-2, 1.5) for _ in range(20_000))
    told = histogram.quantile(histogram.of(values), share)
    assert told == pytest.approx(values[int(share * len(values))], rel=0.1)


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_the_sum_of_two_is_that_of_all(some, others):
    both, all_of_them = histogram.of(some), histogram.of(some + others)
    histogram.add(both, histogram.of(others))
    assert (both["count"], both["buckets"]) == (all_of_them["count"], all_of_them["buckets"])
    assert both["sum"] == pytest.approx(all_of_them["sum"])


@given(st.floats(histogram.FIRST_S, 100_000))
def test_a_bucket_holds_what_is_counted_in_it(seconds):
    number = histogram.bucket(seconds)
    assert histogram.edge(number) <= seconds * (1 + 1e-9)
    assert seconds < histogram.edge(number + 1) * (1 + 1e-9)


@given(st.lists(SECONDS, min_size=1), st.floats(0, 1))
def test_a_quantile_is_never_beyond_what_was_counted(values, share):
    told = histogram.quantile(histogram.of(values), share)
    assert 0 <= told <= histogram.edge(histogram.bucket(max(values)) + 1)


def test_of_nothing_nothing_is_known():
    nothing = histogram.empty()
    assert (histogram.quantile(nothing, 0.5), histogram.mean(nothing), histogram.share_within(nothing, 1)) == (
        None,
        None,
        None,
    )


def test_the_share_within_a_promise():
    some = histogram.of([0.1] * 95 + [3.0] * 5)
    assert histogram.share_within(some, 1.0) == 0.95
    assert math.isclose(histogram.mean(some), 0.245)
