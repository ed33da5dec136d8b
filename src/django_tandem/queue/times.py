"""Times as Django has them: aware where USE_TZ is on; where it is off, naive in the project's TIME_ZONE."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import overload

from django.conf import settings
from django.utils.timezone import get_default_timezone, make_naive

from django_tandem.errors import InvalidJob


def from_epoch(seconds: float) -> datetime:
    """A time that the database told as seconds since 1970: an eighth of the work of reading it as text."""
    return for_django(datetime.fromtimestamp(seconds, timezone.utc))


@overload
def for_django(time: datetime) -> datetime: ...
@overload
def for_django(time: None) -> None: ...
def for_django(time: datetime | None) -> datetime | None:
    """`time` as the project's code expects it."""
    if time is None or settings.USE_TZ or time.tzinfo is None:
        return time
    return make_naive(time, get_default_timezone())


def aware(task: str, run_after: datetime | timedelta | None, now: Callable[[], datetime]) -> datetime | None:
    """`run_after` with its time zone; a time span counts from `now`, the database's: of two hosts neither knows the
    other's clock. Raises InvalidJob for a naive one, unless USE_TZ is off: then it is local."""
    if isinstance(run_after, timedelta):
        return now() + run_after
    if run_after is None or run_after.utcoffset() is not None:
        return run_after
    if settings.USE_TZ:
        raise InvalidJob(f"{task}: run_after is a naive datetime ({run_after}); expected one with a time zone")
    return run_after.replace(tzinfo=get_default_timezone())
