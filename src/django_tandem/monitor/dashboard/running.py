"""What runs: since when, against its task's timeout, and where."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.monitor.dashboard import timeouts
from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.dashboard.reading import dicts
from django_tandem.monitor.dashboard.tasks import paused_tasks
from django_tandem.monitor.statements import statement
from django_tandem.queue.lease import LEASE

# Those that began first come first: who looks for what hangs finds it there.
COUNT = 200


@page("tasks", "running.html")
def running(request: HttpRequest) -> dict[str, Any]:
    """The jobs that run."""
    found = dicts(statement("tasks", "running"), {"lease": LEASE, "count": COUNT + 1})
    known = {path: timeouts.known(path) for path in {job["task"] for job in found}}
    for job in found:
        job |= {"timeout": known[job["task"]].timeout, "stands": known[job["task"]].stands(job["age_s"])}
    return {"tab": "running", "jobs": found[:COUNT], "is_more": len(found) > COUNT, "paused_tasks": paused_tasks()}
