"""How values are written."""

from datetime import datetime, timezone

import pytest

from django_tandem.monitor.dashboard import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0042, "4 ms"),
        (0.74, "740 ms"),
        (4.23, "4.2 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (86400 * 4 + 3600 * 3, "4 d 3 h"),
    ],
)
def test_lengths_of_time(value, text):
    assert shown.seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0, "0"), (1234567, "1,234,567"), (2.345, "2.3")])
def test_numbers(value, text):
    assert shown.number(value) == text


def test_a_moment_tells_machines_when_it_was():
    at = datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)
    assert 'datetime="2026-03-01T12:30:00.000+00:00"' in shown.moment(at)
    assert shown.moment(None) == "–"


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0, "0 B"), (1536, "1.5 KiB"), (52 * 2**30, "52 GiB")])
def test_sizes(value, text):
    assert shown.size(value) == text


@pytest.mark.parametrize(("value", "name", "text"), [
    (0.5, "seconds", "500 ms"), (12.34, "number", "12.3"), (0.333, "number", "0.3"), (1234.0, "number", "1,234"),
    (0.5, "ratio", "0.50"), (None, "ratio", "–"), (None, "number", "–"),
])  # fmt: skip
def test_units(value, name, text):
    assert shown.unit(value, name) == text


def test_shares():
    assert (shown.percent(0.347), shown.percent(None)) == ("35 %", "–")
