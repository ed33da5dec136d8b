"""Firing: enqueue recurring tasks at their times, once in the whole fleet, by the code of the active release."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import DatabaseError, connections, transaction
from django.utils.module_loading import autodiscover_modules

from django_tandem.errors import ScheduleNotFound, TandemError
from django_tandem.queue import events, recurring
from django_tandem.queue.options import queue_database
from django_tandem.queue.recurring import Schedule
from django_tandem.queue.statements import statement
from django_tandem.queue.tasks_api import TaskResult

# A recurring job is enqueued at most this much after its time.
LOOK_S = 0.2

FORGET_EVERY_S = 3600.0


class Listed(NamedTuple):
    """A schedule of the active release. `fired_at`, `job` and `error` are those of its last firing."""

    name: str
    task: str
    expression: str
    zone: str
    missed: str
    next_at: datetime | None
    paused_by: str | None
    fired_at: datetime | None
    job: int | None
    error: str | None


def run(release: str, stop: threading.Event) -> None:
    """Fire what is due, five times a second, while the fence names `release`; until `stop` is set."""
    try:
        discover()
    except Exception as error:  # noqa: BLE001 - the project's own code
        events.schedules_unknown(error)
        return
    synced, next_forget = None, 0.0
    while not stop.is_set():
        try:
            ((active, epoch),) = _rows("read", {}, step="fence")
            if active == release and epoch != synced:
                sync(release)
                synced = epoch
            while active == release and not stop.is_set() and fire_next(release):
                pass
            if time.monotonic() >= next_forget:
                next_forget = time.monotonic() + FORGET_EVERY_S
                forget_old()
        except (DatabaseError, TandemError) as error:
            events.loop_failed("schedules", error)
            connections.close_all()
        stop.wait(LOOK_S)
    connections.close_all()


def discover() -> Mapping[str, Schedule]:
    """All schedules of the project: its apps' modules called `tasks` are imported. Raises what those raise."""
    autodiscover_modules("tasks")
    return recurring.schedules()


def sync(release: str) -> None:
    """Write down what recurs by this release's code, if the fence names `release`; what does not is removed."""
    found = list(recurring.schedules().values())
    names = [schedule.name for schedule in found]
    with transaction.atomic(using=queue_database()):
        now = _now()
        _rows(
            "sync",
            {
                "names": names,
                "tasks": [schedule.task.module_path for schedule in found],
                "expressions": [schedule.expression for schedule in found],
                "zones": [schedule.zone_name for schedule in found],
                "missed": [schedule.missed for schedule in found],
                "next": [schedule.next_after(now) for schedule in found],
                "release": release,
            },
        )
        for (name,) in _rows("remove", {"names": names, "release": release}):
            events.schedule_removed(name)


def fire_next(release: str) -> bool:
    """Fire the schedule whose time came first, if the fence names `release`. False: none was due."""
    with transaction.atomic(using=queue_database()):
        found = _rows("due", {"release": release})
        if not found:
            return False
        name, since, now = found[0]
        schedule = recurring.schedules().get(name)
        if schedule is None:  # its row is older than this process's code; sync removes it
            return False
        for fire_at in schedule.to_fire(since, now):
            _fire(schedule, fire_at)
        _rows("next", {"name": name, "next": schedule.next_after(now)})
    return True


def _fire(schedule: Schedule, fire_at: datetime) -> None:
    key = {"name": schedule.name, "fire_at": fire_at}
    if not _rows("fire", key):
        return
    job, problem = None, None
    try:
        with transaction.atomic(using=queue_database()):
            job = int(schedule.task.enqueue(*schedule.args, **schedule.kwargs).id)
    except Exception as error:  # noqa: BLE001 - a schedule that cannot be enqueued must not hold up the others
        problem = events.told(error)
        events.schedule_failed(schedule.name, error)
    _rows("fired", {**key, "job": job, "error": problem})


def forget_old() -> None:
    """Forget firings older than 30 days."""
    _rows("forget", {})


def listed() -> list[Listed]:
    """All schedules of the active release, by name."""
    return [Listed(*row) for row in _rows("list", {})]


def run_now(name: str) -> TaskResult[Any]:
    """Enqueue the task of a schedule now, beside its times. Raises ScheduleNotFound, also where this code does not have
    it: its arguments are only there."""
    _find(name)
    try:
        schedule = discover().get(name)
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise ScheduleNotFound(f"a module of tasks does not import, so no schedule is known: {cause}") from error
    if schedule is None:
        raise ScheduleNotFound(f"the code here has no schedule {name}; run this where the active release is")
    return schedule.task.enqueue(*schedule.args, **schedule.kwargs)


def pause(name: str, *, by: str) -> bool:
    """Let a schedule not fire. False: it was paused already. Raises ScheduleNotFound."""
    _find(name)
    return bool(_rows("pause", {"name": name, "by": by}))


def resume(name: str) -> bool:
    """Let a schedule fire again, from its next time on. False: it was not paused. Raises ScheduleNotFound."""
    row = _find(name)
    again = recurring.next_time(row.expression, row.zone, _now())
    return bool(_rows("resume", {"name": name, "next": again}))


def _find(name: str) -> Listed:
    there = {row.name: row for row in listed()}
    if name not in there:
        known = ", ".join(there) or "none"
        raise ScheduleNotFound(f"there is no schedule {name}; the active release has {known}")
    return there[name]


def _now() -> datetime:
    """By the database's clock, as all that asks whether a time has come."""
    ((now,),) = _rows("now", {})
    assert isinstance(now, datetime)  # noqa: S101
    return now


def _rows(name: str, parameters: Mapping[str, Any], step: str = "schedules") -> list[tuple[Any, ...]]:
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement(step, name), parameters)
        return cursor.fetchall() if cursor.description else []
