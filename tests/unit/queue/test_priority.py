from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.options import Options
from django_tandem.queue.priority import DEFAULT_PATIENCE, HIGHEST, LOWEST, STRICT_PATIENCE, Reserve, head_start

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
priorities = st.integers(LOWEST, HIGHEST)
patiences = st.timedeltas(timedelta(milliseconds=1), STRICT_PATIENCE)
waits = st.timedeltas(timedelta(0), timedelta(days=30))


def due(ready_at, priority, patience):
    return ready_at - head_start(priority, patience)


def test_a_level_is_worth_the_patience_of_its_queue():
    assert head_start(0, timedelta(seconds=10)) == timedelta(0)
    assert head_start(3, timedelta(seconds=10)) == timedelta(seconds=30)
    assert head_start(-3, timedelta(seconds=10)) == timedelta(seconds=-30)
    assert Options().patience_of("any") == DEFAULT_PATIENCE == timedelta(seconds=10)


@given(priorities, priorities, patiences, waits)
def test_a_job_is_overtaken_only_within_the_bound(low, high, patience, wait):
    """Of two jobs the more urgent, which became ready `wait` later, goes first exactly while the wait is shorter than
    the levels between them are worth."""
    first, second = due(NOON, low, patience), due(NOON + wait, high, patience)
    assert (second < first) == (wait < (high - low) * patience)


@given(priorities, patiences, waits)
def test_among_equals_who_was_ready_first_goes_first(priority, patience, wait):
    assert due(NOON, priority, patience) <= due(NOON + wait, priority, patience)


@given(priorities, priorities, waits)
def test_strict_lets_no_wait_count(low, high, wait):
    if low < high:
        assert due(NOON + wait, high, STRICT_PATIENCE) < due(NOON, low, STRICT_PATIENCE)


@given(st.integers(1, 50), st.integers(1, 10))
def test_reserved_slots_are_spread_over_the_processes(slots, processes):
    shares = [Reserve(slots, 50).share(processes, number).slots for number in range(processes)]
    assert sum(shares) == slots
    assert max(shares) - min(shares) <= 1
