import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.queue.retry import LONGEST_S, Retry


def waits(retry, error=None):
    """The waits after each attempt, with no chance in them, up to the first None."""
    found = []
    while (wait := retry.wait_s(error or ValueError(), len(found) + 1, 0.5)) is not None:
        found.append(wait)
    return found


def test_the_wait_doubles_from_attempt_to_attempt():
    assert waits(Retry(attempts=5, backoff=3)) == [3, 6, 12, 24]


def test_or_follows_a_list_of_which_the_last_repeats():
    assert waits(Retry(attempts=6, backoff=[1, 5, 60])) == [1, 5, 60, 60, 60]


def test_or_a_function_of_the_attempt_that_failed():
    assert waits(Retry(attempts=4, backoff=lambda attempt: attempt * 100)) == [100, 200, 300]


def test_one_attempt_is_no_retry():
    assert waits(Retry(attempts=1)) == []


def test_only_for_the_exceptions_that_it_names():
    retry = Retry(attempts=2, backoff=1, on=(OSError, KeyError))
    assert waits(retry, ConnectionError()) == [1]
    assert waits(retry, ValueError()) == []
    assert waits(Retry(attempts=2), SystemExit()) == []


@given(st.integers(1, 200), st.floats(0, 1), st.floats(0, 1), st.floats(0, LONGEST_S))
def test_jitter_stays_within_its_share_and_no_wait_is_longer_than_a_day(attempt, jitter, chance, backoff):
    retry = Retry(attempts=1000, backoff=backoff, jitter=jitter)
    even = Retry(attempts=1000, backoff=backoff, jitter=0).wait_s(ValueError(), attempt, chance)
    wait = retry.wait_s(ValueError(), attempt, chance)
    assert 0 <= wait <= LONGEST_S
    assert even * (1 - jitter) - 1e-6 <= wait <= even * (1 + jitter) + 1e-6


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"attempts": 0}, "Retry.attempts is 0; expected a whole number of at least 1"),
        ({"attempts": True}, "Retry.attempts is True"),
        ({"backoff": -1}, "Retry.backoff is -1; expected seconds"),
        ({"backoff": "10"}, "Retry.backoff is '10'"),
        ({"backoff": []}, "Retry.backoff is []"),
        ({"backoff": [1, float("inf")]}, "Retry.backoff is [1, inf]"),
        ({"jitter": 2}, "Retry.jitter is 2; expected a share from 0 to 1"),
        ({"on": "ValueError"}, "Retry.on is 'ValueError'; expected an exception"),
        ({"on": ()}, "Retry.on is ()"),
    ],
)
def test_what_makes_no_sense_is_refused(options, told):
    with pytest.raises(ValueError, match=r"^Retry\.") as raised:
        Retry(**options)
    assert told in str(raised.value)
