"""The page of queues: how deep, how old, what was promised, who works through them; pause, resume, drain."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_tandem.errors import ConfigurationError
from django_tandem.monitor.dashboard import access, project, queue_facts
from django_tandem.monitor.dashboard.action import Declined, action
from django_tandem.monitor.dashboard.page import page
from django_tandem.queue import control


@page("queues")
def queues(request: HttpRequest) -> dict[str, Any]:
    """All queues."""
    try:
        tandem, problem = project.configuration(), None
    except ConfigurationError as error:
        tandem, problem = None, str(error)
    counted = queue_facts.counts()
    standings = queue_facts.standings(counted, tandem)
    return {
        "queues": standings,
        "levels": any(one.levels for one in standings),
        "counted": counted,
        "most": queue_facts.COUNTED,
        "problem": problem,
    }


@action("pause queue", needs=access.OPERATE)
def pause(request: HttpRequest, *, name: str) -> str:
    """Begin no more of its jobs."""
    _check(name)
    is_new = control.pause("queue", name, by=access.person(request))
    return f"{name} is paused: none of its jobs is begun" if is_new else f"{name} was paused already"


@action("resume queue", needs=access.OPERATE)
def resume(request: HttpRequest, *, name: str) -> str:
    """Begin them again."""
    return f"{name} goes on" if control.resume("queue", name) else f"{name} was not paused"


@action("drain queue", needs=access.OPERATE)
def drain(request: HttpRequest, *, name: str) -> str:
    """Pause it, and say whether something still runs: the page goes on telling that."""
    _check(name)
    stands = control.drain(name, by=access.person(request), wait=0)
    if stands.is_empty:
        return f"{name} is drained: it is paused, and none of its jobs runs"
    running = len(stands.running)
    if not running:
        return f"{name} is paused; a worker may be about to begin one of its jobs"
    return f"{name} is paused; {running:,} of its jobs still run{'s' if running == 1 else ''}"


def _check(name: str) -> None:
    """A name that nobody knows was not on the page."""
    if control.is_known("queue", name) or name in _declared():
        return
    raise Declined(f"{name}: no queue is called so, neither in tandem.toml nor by an unfinished job")


def _declared() -> set[str]:
    try:
        return set(project.configuration().file.queues)
    except ConfigurationError:
        return set()
