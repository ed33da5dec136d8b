import itertools
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


# Of arrivals in any sequence: seconds after noon at which each becomes ready, and its priority.
arrivals = st.lists(st.tuples(st.integers(0, 3000), priorities), min_size=1, max_size=40)
batches = st.lists(st.integers(1, 5), min_size=1, max_size=10)


def claims(jobs, batch_sizes, every):
    """Who is claimed when, by workers who claim a batch at a time in order of due: (claimed_at, index, those that
    waited then)."""
    waiting, claimed, now, sizes = dict(enumerate(jobs)), [], NOON, itertools.cycle(batch_sizes)
    while waiting:
        there = sorted((due_, n) for n, (ready_at, due_) in waiting.items() if ready_at <= now)
        for _, number in there[: next(sizes)]:
            del waiting[number]
            claimed.append((now, number, [n for _, n in there]))
        now += every
    return claimed


@given(arrivals, batches, patiences, st.integers(1, 300))
def test_whatever_arrives_nobody_is_overtaken_by_one_whose_due_is_later(given_jobs, batch_sizes, patience, every_s):
    ready = [NOON + timedelta(seconds=after) for after, _ in given_jobs]
    jobs = [(at, due(at, priority, patience)) for at, (_, priority) in zip(ready, given_jobs, strict=True)]
    place, waited = {}, {}
    for number, (_, job, there) in enumerate(claims(jobs, batch_sizes, timedelta(seconds=every_s))):
        place[job] = number
        waited[job] = there
    for later, there in waited.items():
        for earlier in there:  # it waited while `later` was claimed: it may be claimed after it only where due says so
            if place[earlier] > place[later]:
                assert (jobs[later][1], later) < (jobs[earlier][1], earlier)
                (_, low), (_, high) = given_jobs[earlier], given_jobs[later]
                assert ready[later] - ready[earlier] <= max(high - low, 0) * patience


@given(st.integers(LOWEST, HIGHEST - 1), patiences, st.integers(1, 500))
def test_under_endless_urgent_load_a_job_is_overtaken_for_the_levels_between_them_and_no_longer(low, patience, count):
    """Urgent jobs become ready without end, more than there are workers for: `count` in the time of the bound, and as
    many after it. Those before the bound go first, and none of those after it."""
    bound = (HIGHEST - low) * patience
    mine = (due(NOON, low, patience), 0)
    urgent = [(NOON + bound * number / count, number) for number in range(1, 2 * count)]
    first = [number for at, number in urgent if (due(at, HIGHEST, patience), number) < mine]
    assert first == [number for at, number in urgent if at - NOON < bound]


@given(arrivals, batches)
def test_in_a_strict_queue_no_claim_passes_over_a_higher_priority(given_jobs, batch_sizes):
    ready = [NOON + timedelta(seconds=after) for after, _ in given_jobs]
    jobs = [(at, due(at, priority, STRICT_PATIENCE)) for at, (_, priority) in zip(ready, given_jobs, strict=True)]
    for now, claimed, there in claims(jobs, batch_sizes, timedelta(seconds=10)):
        gone_before = {job for at, job, _ in claims(jobs, batch_sizes, timedelta(seconds=10)) if at <= now}
        for other in there:
            assert other in gone_before or given_jobs[other][1] <= given_jobs[claimed][1]
