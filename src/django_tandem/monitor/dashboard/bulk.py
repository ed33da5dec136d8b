"""All jobs that a filter means, retried or ended: a page says how many, and asks; who says yes is told what came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from django_tandem.monitor.dashboard import access
from django_tandem.monitor.dashboard.action import Declined, action
from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.dashboard.stopwatch import Stopwatch
from django_tandem.monitor.dashboard.wanted import Wanted, parse
from django_tandem.queue import control
from django_tandem.queue.states import State

# More are not counted; by their error, which is in their history, not as many.
COUNTED, COUNTED_BY_ERROR = 100_000, 5_000


@page("tasks", "bulk.html")
def ask_retry(request: HttpRequest) -> dict[str, Any]:
    """How many failed jobs would be retried."""
    return _ask(request, "retry")


@page("tasks", "bulk.html")
def ask_cancel(request: HttpRequest) -> dict[str, Any]:
    """How many unfinished jobs would end."""
    return _ask(request, "cancel")


@action("retry jobs", needs=access.OPERATE)
def retry(request: HttpRequest) -> str:
    """Make failed jobs ready again, for as long as a request may take."""
    wanted = _wanted(request, "retry")
    time_left = Stopwatch()
    ready, skipped = control.retry(wanted.jobs(), go_on=time_left)
    if not ready and not skipped:
        raise Declined("no failed job matches any more")
    said = f"{_jobs(ready)} {_be(ready)} ready again"
    if skipped:
        said += f"; {skipped:,} not: an unfinished job has the same unique key"
    return said + ("; there are more: go on below" if time_left.is_over else "")


@action("cancel jobs", needs=access.OPERATE)
def cancel(request: HttpRequest) -> str:
    """End unfinished jobs, for as long as a request may take."""
    wanted = _wanted(request, "cancel")
    time_left = Stopwatch()
    ended, asked = control.cancel(wanted.jobs(), by=access.person(request), go_on=time_left)
    if not ended and not asked:
        raise Declined("no unfinished job matches any more, or those that run are being interrupted already")
    said = f"{_jobs(ended)} ended"
    if asked:
        said += f"; {_jobs(asked)} {_be(asked)} being interrupted"
    return said + ("; there are more: go on below" if time_left.is_over else "")


def _ask(request: HttpRequest, what: str) -> dict[str, Any]:
    wanted, problems = parse(request.GET)
    problems = problems or _refusals(wanted, what)
    count, most = 0, COUNTED if wanted.error is None else COUNTED_BY_ERROR
    if not problems:
        meant = replace(wanted, state=State.FAILED) if what == "retry" else wanted
        found = control.count(meant.jobs(), most=most)
        count = found.failed if what == "retry" else found.unfinished
    return {
        "what": what,
        "asked": wanted.asked,
        "query": wanted.query,
        "problems": problems,
        "count": count,
        "is_more": count == most,
        "is_still": True,
    }


def _wanted(request: HttpRequest, what: str) -> Wanted:
    wanted, problems = parse(request.POST)
    if problems or (problems := _refusals(wanted, what)):
        raise Declined("; ".join(problems))
    return wanted


def _refusals(wanted: Wanted, what: str) -> list[str]:
    if wanted.may_retry if what == "retry" else wanted.may_cancel:
        return []
    if what == "retry":
        return ["say which failed jobs are meant: by their queue, task, priority or error"]
    return ["say which unfinished jobs are meant: by their state, queue, task or priority"]


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
