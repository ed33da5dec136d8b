"""Series read what servers wrote; servers of one role on one host are one line."""

from datetime import timedelta

import pytest
from django.utils import timezone
from psycopg.types.json import Jsonb

from django_tandem.monitor import series
from django_tandem.monitor.series import FLEET


@pytest.fixture
def write(database):
    """Write a sample, so many seconds ago."""
    now = timezone.now()

    def write(facts, ago=0, *, server=1, role="async", host="a", release="one", resolution=5):
        database.execute(
            "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [resolution, now - timedelta(seconds=ago), server, role, host, release, Jsonb(facts)],
        )

    return write


def test_two_releases_at_once_are_one_line(write):
    write({"tasks": {"running": 2, "successful": 5}}, 5, server=1)
    write({"tasks": {"running": 3, "successful": 7}}, 5, server=2, release="two")
    write({"tasks": {"running": 1, "successful": 1}}, 10)
    first, second = series.series("15m")["async", "a"]
    assert (first.facts["tasks"]["successful"], first.releases) == (1, ("one",))
    assert (second.facts["tasks"]["successful"], second.releases) == (12, ("one", "two"))


def test_the_fleet_has_a_line_of_its_own(write):
    write({"database": {"waiting": 1}}, server=0, role="", host="")
    assert series.latest()[FLEET].facts == {"database": {"waiting": 1}}


def test_the_latest_is_the_newest_that_is_fresh(write):
    write({"server": {"rss": 1}}, 10)
    write({"server": {"rss": 2}}, 5)
    write({"server": {"rss": 3}}, 60, host="gone")
    found = series.latest()
    assert set(found) == {("async", "a")}
    assert found["async", "a"].facts["server"]["rss"] == 2


def test_a_span_has_its_resolution(write):
    write({"server": {"rss": 1}}, 120, resolution=60)
    write({"server": {"rss": 2}}, 120)
    assert [point.facts["server"]["rss"] for point in series.series("3h")["async", "a"]] == [1]
    with pytest.raises(KeyError):
        series.series("1y")
