"""The page of tasks: jobs, newest first. However many there are, a bounded number of them is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from django_tandem.errors import ConfigurationError
from django_tandem.monitor.dashboard import masked, project
from django_tandem.monitor.dashboard.page import page
from django_tandem.monitor.dashboard.reading import MOST, dicts, rows
from django_tandem.monitor.dashboard.wanted import STATES, UNFINISHED, Wanted, parse
from django_tandem.monitor.statements import statement
from django_tandem.queue import at_rest, control
from django_tandem.queue.states import State

# Jobs on a page.
COUNT = 50

# How many jobs are looked at for one page: by columns, by a part of their arguments, by the error in their history.
LOOKED, LOOKED_FOR_TEXT, LOOKED_FOR_ERROR = 20_000, 5_000, 1_000

# Of the arguments, in which so many characters are searched.
SEARCHED = 1_000

LOOKS = {
    State.SUCCESSFUL: "good",
    State.FAILED: "bad",
    State.LIMITED: "warn",
    State.PAUSED: "warn",
}


@page("tasks")
def tasks(request: HttpRequest) -> dict[str, Any]:
    """Jobs, waiting, running and finished."""
    wanted, problems = parse(request.GET)
    before, after = _id(request.GET.get("before")), _id(request.GET.get("after"))
    shown = {} if problems else _jobs(wanted, before, after)
    return {
        "tab": "all",
        "wanted": wanted,
        "asked": wanted.asked,
        "problems": problems,
        "states": list(STATES),
        "queues": _queues(),
        "is_encrypted": at_rest.is_on(),
        "paused_tasks": paused_tasks(),
        **shown,
    }


def paused_tasks() -> list[control.Pause]:
    """Tasks whose jobs are not begun."""
    return [one for one in control.paused() if one.kind == "task"]


def look(state: State) -> str:
    """How a badge of this state looks."""
    return LOOKS.get(state, "")


def _jobs(wanted: Wanted, before: int | None, after: int | None) -> dict[str, Any]:
    """A page of jobs, and where to go on: above `after`, below `before`, else from the newest on."""
    if wanted.text is not None and at_rest.is_on():
        return {"jobs": _of_number(wanted, [])}
    if after is not None:
        ids, looked, end = _find(statement("tasks", "newer"), wanted, after)
        newer = None if end is None else _address(wanted, after=end)
        older: str | None = _address(wanted, before=after + 1)
    else:
        ids, looked, end = _find(statement("tasks", "older"), wanted, MOST if before is None else before)
        newer = None if before is None else _address(wanted, after=before - 1)
        older = None if end is None else _address(wanted, before=end)
    is_first = before is None and after is None
    return {
        "jobs": [*(_of_number(wanted, ids) if is_first else []), *_listed(ids)],
        "looked": None if end is None or len(ids) == COUNT else looked,
        "is_first": is_first,
        "is_upward": after is not None,
        "newest": _address(wanted),
        "newer": newer,
        "older": older,
    }


def _find(query: bytes, wanted: Wanted, beyond: int) -> tuple[list[int], int, int | None]:
    """The jobs of a page, how many were looked at, and from which id to go on; None: there are no more."""
    most = _looked(wanted)
    parameters = {
        **_filters(wanted),
        "unfinished": wanted.state is None or wanted.state in UNFINISHED,
        "finished": wanted.state not in UNFINISHED,
        "failed": wanted.state is State.FAILED,
        "beyond": beyond,
        "looked": most,
        "count": COUNT + 1,
        "characters": SEARCHED,
    }
    ((ids, looked, last),) = rows(query, parameters)
    if len(ids) > COUNT:
        return ids[:COUNT], looked, ids[COUNT - 1]
    return ids, looked, last if looked == most else None


def _looked(wanted: Wanted) -> int:
    """How many jobs to look at: one more than are shown, where each fits."""
    if wanted.error is not None:
        return LOOKED_FOR_ERROR
    if wanted.text is not None:
        return LOOKED_FOR_TEXT
    has_own_index = wanted.state is not None and wanted.state is not State.SUCCESSFUL
    is_picked = any(value is not None for value in (wanted.queue, wanted.task, wanted.priority))
    return LOOKED if is_picked or (wanted.state is not None and not has_own_index) else COUNT + 1


def _filters(wanted: Wanted) -> dict[str, Any]:
    return {
        "state": None if wanted.state is None else int(wanted.state),
        "queue": wanted.queue,
        "task": wanted.task,
        "priority": wanted.priority,
        "error": wanted.error,
        "text": wanted.text,
    }


def _of_number(wanted: Wanted, ids: list[int]) -> list[dict[str, Any]]:
    """The job whose number was asked for, before those that have it in their arguments."""
    return [] if wanted.job is None or wanted.job in ids else _listed([wanted.job])


def _listed(ids: list[int]) -> list[dict[str, Any]]:
    found = dicts(statement("tasks", "these"), {"ids": ids, "characters": masked.READ}) if ids else []
    for job in found:
        state = State(job["state"])
        job |= {
            "state": state.name.lower(),
            "look": look(state),
            "arguments": masked.in_a_list(job["arguments"]),
            "took_s": _took(job),
        }
    return found


def _took(job: Mapping[str, Any]) -> float | None:
    if job["finished_at"] is None or job["began_at"] is None:
        return None
    return float((job["finished_at"] - job["began_at"]).total_seconds())


def _queues() -> list[str]:
    try:
        return sorted(project.configuration().file.queues)
    except ConfigurationError:
        return []


def _address(wanted: Wanted, **where: int) -> str:
    return "?" + urlencode({**wanted.asked, **where})


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
