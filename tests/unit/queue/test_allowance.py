"""Looks that may come to cost much are taken seldom enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.allowance import SHARE, Allowance


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_cheap_look_is_due_each_time_that_its_time_has_come():
    clock = Clock()
    allowance = Allowance(1.0, clock)
    for _ in range(3):
        assert allowance.is_due
        with allowance.look():
            clock.now += 0.01
        clock.now += 0.98
        assert not allowance.is_due
        clock.now += 0.02


def test_a_dear_one_waits_until_its_time_is_earned():
    clock = Clock()
    allowance = Allowance(1.0, clock)
    with allowance.look():
        clock.now += 4.0
    clock.now += 4.0 / SHARE - 0.1
    assert not allowance.is_due
    clock.now += 0.2
    assert allowance.is_due


def test_one_that_failed_has_taken_its_time_too():
    clock = Clock()
    allowance = Allowance(0.0, clock)

    def fail():
        with allowance.look():
            clock.now += 4.0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not allowance.is_due


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5)), max_size=50), st.sampled_from([0.0, 0.01, 1.0]))
def test_whatever_looks_cost_together_they_take_no_more_than_their_share(looks, burst_s):
    clock = Clock()
    allowance, began, spent = Allowance(0.0, clock, burst_s), clock.now, 0.0
    for costs, waits in looks:
        if allowance.is_due:
            before = spent
            assert before <= SHARE * (clock.now - began) + burst_s + 1e-6
            clock.now += costs
            allowance.spent(costs)
            spent += costs
        clock.now += waits
