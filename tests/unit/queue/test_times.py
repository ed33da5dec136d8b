from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.errors import InvalidJob
from django_tandem.queue.times import aware, for_django, from_epoch

NOON = datetime(2030, 7, 1, 12, tzinfo=timezone.utc)
IN_PARIS = datetime(2030, 7, 1, 14)  # noqa: DTZ001 - as a project without time zones has it


def never():
    raise AssertionError("nobody needs to know the time")


def test_with_time_zones_times_are_aware(settings):
    settings.USE_TZ = True
    assert from_epoch(NOON.timestamp() + 0.000001) == NOON + timedelta(microseconds=1)
    assert from_epoch(0).tzinfo is timezone.utc
    assert for_django(NOON) is NOON
    assert for_django(None) is None


def test_without_time_zones_times_are_naive_in_the_projects_own(settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Paris"
    assert from_epoch(NOON.timestamp()) == IN_PARIS
    assert for_django(NOON) == IN_PARIS
    assert for_django(IN_PARIS) == IN_PARIS
    assert aware("a.task", IN_PARIS, never) == NOON


def test_a_time_to_run_after_must_say_its_zone(settings):
    settings.USE_TZ = True
    assert aware("a.task", None, never) is None
    assert aware("a.task", NOON, never) is NOON
    with pytest.raises(InvalidJob, match=r"a\.task: run_after is a naive datetime \(2030-07-01 14:00:00\)"):
        aware("a.task", IN_PARIS, never)


def test_a_time_span_counts_from_the_databases_now():
    assert aware("a.task", timedelta(hours=1), lambda: NOON) == NOON + timedelta(hours=1)
