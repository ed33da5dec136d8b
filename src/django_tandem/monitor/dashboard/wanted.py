"""Wanted: which jobs a person asks for, by the address of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from django_tandem.monitor.dashboard.action import Declined
from django_tandem.monitor.dashboard.reading import MOST
from django_tandem.queue import at_rest
from django_tandem.queue.control import Jobs
from django_tandem.queue.priority import HIGHEST, LOWEST
from django_tandem.queue.states import State

UNFINISHED = (State.SCHEDULED, State.READY, State.RUNNING, State.LIMITED, State.PAUSED)

STATES = {
    "scheduled": State.SCHEDULED,
    "ready": State.READY,
    "limited": State.LIMITED,
    "paused": State.PAUSED,
    "running": State.RUNNING,
    "successful": State.SUCCESSFUL,
    "failed": State.FAILED,
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Those jobs for which all that is given holds. `priority`: the least; `text`: a job's number, or a part of its
    arguments; `error`: with which exception it failed."""

    state: State | None = None
    queue: str | None = None
    task: str | None = None
    priority: int | None = None
    error: str | None = None
    text: str | None = None

    @property
    def query(self) -> str:
        """As the query of an address."""
        return urlencode(self.asked)

    @property
    def asked(self) -> dict[str, str]:
        """What a form has to say it again."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.name.lower() if isinstance(value, State) else str(value)
            for name, value in given.items()
            if value is not None
        }

    @property
    def job(self) -> int | None:
        """The number of the job that the text may mean."""
        text = (self.text or "").removeprefix("#")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MOST else None

    @property
    def may_retry(self) -> bool:
        """Whether all of them can be retried at once: a text is looked for among few, and means no more than these."""
        return bool(self.asked) and self.text is None and self.state in (None, State.FAILED)

    @property
    def may_cancel(self) -> bool:
        """The same of ending them."""
        return (
            bool(self.asked)
            and self.text is None
            and self.error is None
            and (self.state is None or self.state in UNFINISHED)
        )

    def jobs(self) -> Jobs:
        """The same for control. Raises Declined where a filter is missing, or is one that control does not have."""
        if not self.asked or self.text is not None:
            raise Declined("say which jobs by their state, queue, task, priority or error")
        return Jobs(state=self.state, queue=self.queue, task=self.task, priority=self.priority, error=self.error)


def parse(asked: Mapping[str, Any]) -> tuple[Wanted, list[str]]:
    """What is asked for by these fields of a form, and what is wrong with them."""
    given = {name: str(asked.get(name) or "").strip().replace("\0", "") for name in ("queue", "task", "error", "text")}
    problems = []
    state_name, least = str(asked.get("state") or ""), str(asked.get("priority") or "").strip()
    if state_name not in ("", *STATES):
        problems.append(f"state: {state_name}; expected one of {', '.join(STATES)}")
    priority = _whole(least)
    if least and (priority is None or not LOWEST <= priority <= HIGHEST):
        problems.append(f"priority: {least}; expected a whole number from {LOWEST} to {HIGHEST}")
        priority = None
    state = STATES.get(state_name)
    if given["error"] and state is None:
        state = State.FAILED
    wanted = Wanted(state=state, priority=priority, **{name: value or None for name, value in given.items()})
    if wanted.text and wanted.job is None and at_rest.is_on():
        problems.append("text: arguments are encrypted, and cannot be searched; expected the number of a job")
    return wanted, problems


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
