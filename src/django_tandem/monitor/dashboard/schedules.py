"""The page of schedules: what recurs, when it fired and fires next; run now, pause, resume."""

from __future__ import annotations

from typing import Any

from cronsim import CronSim
from django.http import HttpRequest
from django.utils import timezone

from django_tandem.monitor.dashboard import access
from django_tandem.monitor.dashboard.action import action
from django_tandem.monitor.dashboard.page import page
from django_tandem.queue import firing, recurring


@page("schedules")
def schedules(request: HttpRequest) -> dict[str, Any]:
    """All schedules of the live release."""
    now = timezone.now()
    return {
        "schedules": [
            {
                **one._asdict(),
                "words": CronSim(one.expression, now).explain(),
                "is_late": one.paused_by is None and one.next_at is not None and one.next_at < now - recurring.LATE,
            }
            for one in firing.listed()
        ]
    }


@action("run schedule", needs=access.OPERATE)
def run(request: HttpRequest, *, name: str) -> str:
    """Enqueue its task now."""
    return f"{name}: job {firing.run_now(name).id} is enqueued"


@action("pause schedule", needs=access.OPERATE)
def pause(request: HttpRequest, *, name: str) -> str:
    """Let it not fire."""
    return f"{name} is paused" if firing.pause(name, by=access.person(request)) else f"{name} was paused already"


@action("resume schedule", needs=access.OPERATE)
def resume(request: HttpRequest, *, name: str) -> str:
    """Let it fire again."""
    return f"{name} fires again, from its next time on" if firing.resume(name) else f"{name} was not paused"
