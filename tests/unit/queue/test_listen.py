from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.listen import parse

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What strict priority makes of a time of today: about a thousand years to either side.
dues = st.datetimes(datetime(900, 1, 1), datetime(3200, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001


@given(st.text(min_size=1), dues, st.integers(-100, 100))
def test_an_announcement_tells_the_queue_its_due_to_the_microsecond_and_the_priority(queue, due, priority):
    """A due that is read too late by one would be a bound above the job that it announces."""
    microseconds = (due - EPOCH) // timedelta(microseconds=1)
    seconds = f"{'-' if microseconds < 0 else ''}{abs(microseconds) // 1_000_000}.{abs(microseconds) % 1_000_000:06}"
    assert parse(f"{queue} {seconds} {priority}") == (queue, due, priority)
