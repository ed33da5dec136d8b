import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.pace import HELD_S, MOST_HELD, Pace


def paced(threads, seconds, times=200):
    pace = Pace(threads)
    for _ in range(times):
        pace.observe(seconds)
    return pace


def test_before_anything_was_measured_a_slot_holds_one_job_beside_the_one_it_begins():
    assert Pace(4).room(held=0, idle=4) == 8
    assert Pace(4).room(held=4, idle=0) == 0


def test_what_is_held_is_as_much_as_the_slots_begin_within_the_time():
    assert paced(2, 0.005).room(held=0, idle=0) == pytest.approx(2 * HELD_S / 0.005, abs=1)
    assert paced(2, 0.005).room(held=5, idle=0) == pytest.approx(3, abs=1)


def test_of_long_jobs_none_is_held_and_an_idle_slot_gets_one():
    assert paced(4, 10.0).room(held=0, idle=0) == 0
    assert paced(4, 10.0).room(held=0, idle=3) == 3
    assert paced(4, 10.0).room(held=3, idle=1) == 0


def test_jobs_that_take_no_time_are_run_by_one_thread_and_fetched_by_the_most():
    pace = paced(8, 0.0)
    assert pace.short
    assert pace.room(held=0, idle=0) == MOST_HELD
    assert not paced(8, 0.001).short


def test_the_mean_follows_when_jobs_become_longer():
    pace = paced(2, 0.0001)
    for _ in range(30):
        pace.observe(1.0)
    assert pace.room(held=0, idle=0) == 0


@given(st.integers(1, 64), st.floats(0, 100), st.integers(0, 300), st.integers(0, 64))
def test_room_is_never_less_than_none_nor_more_than_the_most(threads, seconds, held, idle):
    room = paced(threads, seconds, times=30).room(held, idle)
    assert 0 <= room <= MOST_HELD + idle
