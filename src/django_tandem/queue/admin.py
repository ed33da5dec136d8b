"""Jobs, results, servers, schedules and the fence in Django's admin."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from django_tandem.queue import at_rest
from django_tandem.queue.models import Fence, Job, JobFields, Result, Schedule, Server
from django_tandem.queue.options import queue_names
from django_tandem.queue.read_only import ReadOnly, one_of
from django_tandem.queue.states import State

# Of arguments and the like, in characters: `tandem tasks show` has all of it.
LONGEST_SHOWN = 10_000

FINISHED = (State.SUCCESSFUL, State.FAILED)
SERVER_STATES = ("starting", "standby", "active", "draining", "stopped")


def queues() -> Iterable[tuple[str, str]]:
    """Those that the settings have."""
    return [(name, name) for name in sorted(queue_names())]


class JobPages(ReadOnly):
    """What jobs and results have in common. What is encrypted is masked, as the commands mask it."""

    search = ("task",)
    heavy: ClassVar[tuple[str, ...]] = ("arguments", "history")
    instead = {"state": "stands", "arguments": "called_with", "history": "attempts"}

    @admin.display(description="state", ordering="state")
    def stands(self, job: JobFields) -> str:
        """Its state, in a word."""
        return State(job.state).name.lower()

    @admin.display(description="arguments")
    def called_with(self, job: JobFields) -> str:
        """JSON: the positional arguments, and those by name."""
        return _shown(job.arguments)

    @admin.display(description="attempts that failed")
    def attempts(self, job: JobFields) -> SafeString | str:
        """Of each its worker, its times and its error."""
        return format_html_join(
            "",
            "<div><p>{}, {} to {}: {}</p><pre>{}</pre></div>",
            (
                (past["worker"] or "no worker", past["began"] or "–", past["ended"], past["error"]["class"],
                 _shown(past["error"]["text"]))
                for past in json.loads(job.history or "[]")
            ),
        )  # fmt: skip


@admin.register(Job)
class JobAdmin(JobPages):
    """Unfinished jobs."""

    list_display = ("id", "task", "stands", "queue", "priority", "attempt", "enqueued_at", "due", "server", "worker")
    list_filter = (
        one_of("state", lambda: [(int(one), one.name.lower()) for one in State if one not in FINISHED]),
        one_of("queue", queues),
    )


@admin.register(Result)
class ResultAdmin(JobPages):
    """Finished jobs."""

    list_display = ("id", "task", "stands", "queue", "priority", "attempt", "enqueued_at", "finished_at", "took")
    list_filter = (
        one_of("state", lambda: [(int(one), one.name.lower()) for one in FINISHED]),
        one_of("queue", queues),
    )
    heavy = ("arguments", "history", "return_value")
    instead = {**JobPages.instead, "return_value": "returned"}

    @admin.display(description="seconds")
    def took(self, job: Result) -> str:
        """How long its last attempt ran."""
        began: datetime | None = job.last_attempted_at
        return "" if began is None else f"{(job.finished_at - began).total_seconds():.3f}"

    @admin.display(description="return value")
    def returned(self, job: Result) -> str | None:
        """JSON."""
        return None if job.return_value is None else _shown(job.return_value)


@admin.register(Server)
class ServerAdmin(ReadOnly):
    """Servers, those too that have stopped."""

    list_display = ("id", "role", "host", "pid", "release", "state", "started_at", "heartbeat_at")
    list_filter = (one_of("state", lambda: [(one, one) for one in SERVER_STATES]),)
    search = ("role", "host", "release")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly):
    """Recurring tasks of the active release."""

    list_display = ("name", "task", "expression", "zone", "missed", "next_at", "paused_by")
    ordering = ("name",)
    search = ("name", "task")


@admin.register(Fence)
class FenceAdmin(ReadOnly):
    """Which release may claim."""

    list_display = ("release", "epoch", "changed_at")


def _shown(stored: Any) -> str:
    text = at_rest.veil(stored, reveal=False) or at_rest.readable(stored)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} … {len(text) - LONGEST_SHOWN:,} more"
