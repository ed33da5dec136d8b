from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.yielding import HIGHEST_LEVEL, Yielding, split

levels = st.integers(0, HIGHEST_LEVEL)
processes = st.lists(st.integers(0, 8), min_size=1, max_size=5)


def splits(level, slots):
    return [Yielding("async", slots, number).split(level) for number in range(len(slots))]


def test_jobs_of_negative_priority_yield_before_usual_ones():
    assert [tuple(split(level, 8)) for level in range(HIGHEST_LEVEL + 1)] == [
        (8, 0, 0), (4, 4, 0), (1, 7, 0), (1, 3, 4), (1, 0, 7),
    ]  # fmt: skip


@given(levels, processes)
def test_every_process_keeps_its_slots_and_the_server_closes_what_the_level_says(level, slots):
    found = splits(level, slots)
    assert [one.slots for one in found] == slots
    assert tuple(map(sum, zip(*found, strict=True))) == split(level, sum(slots))
    assert all(part >= 0 for one in found for part in one)


@given(levels, processes.filter(any))
def test_one_slot_of_a_server_always_begins_any_job(level, slots):
    assert sum(one.any for one in splits(level, slots)) >= 1


@given(st.integers(1, HIGHEST_LEVEL), processes)
def test_a_higher_level_opens_no_slot_to_a_lower_priority(level, slots):
    for lower, higher in zip(splits(level - 1, slots), splits(level, slots), strict=True):
        assert higher.any <= lower.any
        assert higher.any + higher.usual <= lower.any + lower.usual


@given(levels, st.integers(1, 8), st.integers(1, 5))
def test_processes_that_are_alike_close_alike(level, threads, count):
    found = [one.any for one in splits(level, [threads] * count)]
    assert max(found) - min(found) <= 1
