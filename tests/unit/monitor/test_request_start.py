"""X-Request-Start, as proxies write it, and as nobody should."""

import pytest

from django_tandem.monitor.request_start import waited_s

NOW = 1_790_000_000.5


@pytest.mark.parametrize(
    "header",
    [
        "t=1790000000.250",  # Nginx: t=${msec}
        "1790000000.25",
        "t=1790000000250",  # milliseconds
        "1790000000250",
        "1790000000250.0",
        "t=1790000000250000",  # Apache: t=%t, microseconds
        " t=1790000000250000 ",
    ],
)
def test_seconds_milliseconds_and_microseconds_are_told_apart(header):
    assert waited_s(header, NOW) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "header",
    [
        "", "t=", "soon", "t=-5", "nan", "inf", "1e9", "0", "12345", "t=1790000000,1790000000", "1790000000250000000",
        "t=1790000001.000", "1790000000501", "1789996400.4", "t=१७९००००००००", "9" * 4000,
    ],
)  # fmt: skip
def test_nonsense_the_future_and_what_is_older_than_an_hour_are_ignored(header):
    assert waited_s(header, NOW) is None
