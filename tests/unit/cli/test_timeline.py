"""Durations as people read them."""

import pytest

from django_tandem.cli.timeline import took


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (0.214, "0.21 s"),
        (42.04, "42.0 s"),
        (59.999, "60.0 s"),
        (200.4, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (93_900, "26 h 5 min"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds, told):
    assert took(seconds) == told
