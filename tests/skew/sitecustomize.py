"""A host whose clock is wrong: with this folder on PYTHONPATH Python's wall clocks are TANDEM_TEST_SKEW_S seconds
ahead. Clocks that only measure how long something takes are right, as on such a host."""

import datetime as dt
import os
import time

SKEW_S = float(os.environ.get("TANDEM_TEST_SKEW_S", "0"))
SKEW = dt.timedelta(seconds=SKEW_S)

_datetime, _date, _time, _time_ns = dt.datetime, dt.date, time.time, time.time_ns


def _wall(function):
    """Of those that take the time, and the time now where none is given."""
    return lambda seconds=None: function(time.time() if seconds is None else seconds)


class _Passing(type):
    """All datetimes pass for those of the subclass, as those that come from the database."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, cls.__mro__[1])


class _SkewedDatetime(_datetime, metaclass=_Passing):
    @classmethod
    def now(cls, tz=None):
        return _datetime.now(tz) + SKEW

    @classmethod
    def utcnow(cls):
        return _datetime.now(dt.timezone.utc).replace(tzinfo=None) + SKEW

    @classmethod
    def today(cls):
        return _datetime.now() + SKEW


class _SkewedDate(_date, metaclass=_Passing):
    @classmethod
    def today(cls):
        return (_datetime.now() + SKEW).date()


if SKEW_S:
    time.time = lambda: _time() + SKEW_S
    time.time_ns = lambda: _time_ns() + int(SKEW_S * 1e9)
    time.gmtime, time.localtime, time.ctime = map(_wall, (time.gmtime, time.localtime, time.ctime))
    dt.datetime, dt.date = _SkewedDatetime, _SkewedDate
