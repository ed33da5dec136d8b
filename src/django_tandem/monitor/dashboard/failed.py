"""What failed lately, by the exception and the task: whole groups are retried at once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.dashboard.reading import dicts
from django_tandem.monitor.dashboard.tasks import LOOKED_FOR_ERROR, paused_tasks
from django_tandem.monitor.dashboard.wanted import Wanted
from django_tandem.monitor.statements import statement
from django_tandem.queue.states import State


@page("tasks", "failed.html")
def failed(request: HttpRequest) -> dict[str, Any]:
    """The newest failed jobs in groups."""
    groups = dicts(statement("tasks", "failures"), {"looked": LOOKED_FOR_ERROR})
    for group in groups:
        group["query"] = Wanted(state=State.FAILED, task=group["task"], error=group["error"]).query
        group["name"] = (group["error"] or "").rpartition(".")[2]
    looked = sum(group["jobs"] for group in groups)
    return {
        "tab": "failed",
        "groups": groups,
        "looked": looked,
        "is_bounded": looked == LOOKED_FOR_ERROR,
        "paused_tasks": paused_tasks(),
    }
