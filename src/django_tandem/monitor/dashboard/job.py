"""One job: all that is known of it; end it, have it retried, pause its task."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.errors import JobNotFound
from django_tandem.monitor.dashboard import access, masked, timeouts
from django_tandem.monitor.dashboard.action import Declined, action
from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.dashboard.reading import MOST, dicts
from django_tandem.monitor.dashboard.stopwatch import Stopwatch
from django_tandem.monitor.dashboard.tasks import look, paused_tasks
from django_tandem.monitor.statements import statement
from django_tandem.queue import control, results
from django_tandem.queue.control import Jobs
from django_tandem.queue.lease import LEASE
from django_tandem.queue.options import queue_database
from django_tandem.queue.results import Row
from django_tandem.queue.states import State

# Attempts that a page shows.
ATTEMPTS = 20


@page("tasks", "job.html")
def job(request: HttpRequest, *, job: int) -> dict[str, Any]:
    """A job, wherever it is."""
    row = results.read(queue_database(), job) if job <= MOST else None
    if row is None:
        return {"number": job, "job": None}
    attempts, known = masked.attempts(row), timeouts.known(row.task)
    found = dicts(statement("tasks", "unfinished"), {"id": job, "lease": LEASE})
    more = found[0] if found else {}
    return {
        "number": job,
        "job": row,
        "state": row.state.name.lower(),
        "look": look(row.state),
        "arguments": masked.call(row.arguments),
        "returned": masked.returned(row.return_value),
        "took_s": _took(row),
        "known": known,
        "stands": known.stands(more.get("age_s")),
        "more": more,
        "attempts": attempts[:ATTEMPTS],
        "earlier": max(0, len(attempts) - ATTEMPTS),
        "may_retry": row.state is State.FAILED,
        "may_cancel": row.finished_at is None,
        "paused": next((one for one in paused_tasks() if one.name == row.task), None),
    }


@action("retry job", needs=access.OPERATE)
def retry(request: HttpRequest, *, job: int) -> str:
    """Make it ready again."""
    retried = control.retry(_one(job))
    if retried.skipped:
        raise Declined(f"{job}: another job with the same unique key is unfinished; let it end, or cancel it")
    if not retried.ready:
        raise Declined(f"{job} is {_state(job)}; only a failed job is retried")
    return f"{job} is ready again"


@action("cancel job", needs=access.OPERATE)
def cancel(request: HttpRequest, *, job: int) -> str:
    """End it."""
    ended = control.cancel(_one(job), by=access.person(request))
    if ended.ended:
        return f"{job} has ended"
    if ended.asked:
        return f"{job} runs, and is being interrupted"
    state = _state(job)
    if state == "running":
        raise Declined(f"{job} is being interrupted already")
    raise Declined(f"{job} is {state}: it has ended")


@action("pause task", needs=access.OPERATE)
def pause(request: HttpRequest, *, name: str) -> str:
    """Begin no more of a task's jobs."""
    known = control.is_known("task", name)
    if not known:
        raise Declined(f"{name}: no task is called so, neither in the code nor by an unfinished job")
    is_new = control.pause("task", name, by=access.person(request), go_on=Stopwatch())
    return f"{name} is paused" if is_new else f"{name} was paused already"


@action("resume task", needs=access.OPERATE)
def resume(request: HttpRequest, *, name: str) -> str:
    """Begin them again."""
    return f"{name} goes on" if control.resume("task", name, go_on=Stopwatch()) else f"{name} was not paused"


def _one(job: int) -> Jobs:
    if job > MOST:
        raise _gone(job)
    return Jobs(ids=[job])


def _state(job: int) -> str:
    row = results.read(queue_database(), job)
    if row is None:
        raise _gone(job)
    return row.state.name.lower()


def _gone(job: int) -> JobNotFound:
    return JobNotFound(f"{job}: there is no such job; results leave after their days")


def _took(row: Row) -> float | None:
    if row.finished_at is None or row.last_attempted_at is None:
        return None
    return (row.finished_at - row.last_attempted_at).total_seconds()
