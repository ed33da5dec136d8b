"""Recurring tasks: `@cron("0 6 * * *")` and the times that follow from it. Pure rules; queue.firing keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice, takewhile
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from django.conf import settings

from django_tandem.queue.tasks_api import Task

# A firing that is later than this was missed: no scheduler was there.
LATE = timedelta(seconds=60)

# However long nobody was there, no more than this many are made up for.
MOST_MADE_UP = 1000

_ANY_TIME = datetime(2000, 1, 1, tzinfo=timezone.utc)

Missed = Literal["skip", "once", "all"]
T = TypeVar("T", bound=Task[..., Any])


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a task recurs. `expression`: a cron expression of five fields, or six with seconds first; `zone`: the time
    zone in which it is read, "" for the project's TIME_ZONE. `missed`: what becomes of times at which no scheduler was
    there: "skip" them, make up for them "once", or for "all" (the last MOST_MADE_UP)."""

    name: str
    task: Task[..., Any]
    expression: str
    zone: str = ""
    missed: Missed = "once"
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def zone_name(self) -> str:
        """The time zone, by its name."""
        return self.zone or settings.TIME_ZONE

    def words(self) -> str:
        """The expression as a person says it."""
        return str(CronSim(self.expression, _ANY_TIME).explain())

    def next_after(self, time: datetime) -> datetime | None:
        """The first time after `time`, in UTC; None: there is none. Where clocks are put forward, a time that does not
        exist comes right after the gap; where they are put back, a set hour comes once, as Debian's cron has it."""
        return next_time(self.expression, self.zone_name, time)

    def to_fire(self, since: datetime, now: datetime) -> list[datetime]:
        """The times from `since` to `now` at which it is to fire now, in order: what is not late, and of what was
        missed as much as `missed` says."""
        zone = ZoneInfo(self.zone_name)
        after_now = now.astimezone(zone).replace(microsecond=0) + timedelta(seconds=1)
        backwards = (time.astimezone(timezone.utc) for time in CronSim(self.expression, after_now, reverse=True))
        earliest = now - LATE if self.missed == "skip" else since
        times = takewhile(lambda time: time >= max(since, earliest), (time for time in backwards if time <= now))
        most = 1 if self.missed == "once" else MOST_MADE_UP
        return list(islice(times, most))[::-1]


def next_time(expression: str, zone: str, after: datetime) -> datetime | None:
    """See Schedule.next_after."""
    found = next(CronSim(expression, after.astimezone(ZoneInfo(zone))), None)
    return found and found.astimezone(timezone.utc)


def _times(schedule: Schedule) -> tuple[str, str, str]:
    return schedule.task.module_path, schedule.expression, schedule.zone


_schedules: dict[str, Schedule] = {}


def schedules() -> Mapping[str, Schedule]:
    """All schedules of the modules that have been imported, by name."""
    return _schedules


def cron(
    expression: str,
    *,
    tz: str = "",
    missed: Missed = "once",
    name: str | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Callable[[T], T]:
    """Let a task recur: above `@task`, in a module called `tasks` of an installed app.

    `tz`, `missed`: see Schedule. `name` is the schedule's, the task's path where none is given; a task with several
    schedules names each. `args` and `kwargs` are the job's. Raises ValueError.
    """
    try:
        CronSim(expression, _ANY_TIME)
    except (CronSimError, TypeError, AttributeError):
        raise ValueError(f"cron: {expression!r} is no cron expression; expected such as '0 6 * * *'") from None
    if tz:
        try:
            ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"cron: tz is {tz!r}; expected the name of a time zone, such as 'Europe/Berlin'") from None
    if missed not in ("skip", "once", "all"):
        raise ValueError(f"cron: missed is {missed!r}; expected 'skip', 'once' or 'all'")

    def register(task: T) -> T:
        if not isinstance(task, Task):
            raise ValueError(f"cron: {task!r} is no task; expected @cron above @task")
        schedule = Schedule(
            name=name or task.module_path, task=task, expression=expression, zone=tz, missed=missed,
            args=tuple(args), kwargs=dict(kwargs or {}),
        )  # fmt: skip
        other = _schedules.get(schedule.name)
        if other is not None and _times(other) != _times(schedule):
            raise ValueError(f"cron: there is a schedule {schedule.name!r} already; expected another name=")
        _schedules[schedule.name] = schedule
        return task

    return register
