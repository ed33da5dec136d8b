"""Control: end jobs, have failed ones retried, pause queues and tasks, drain queues. What a person may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from django.db import connections
from django.db.transaction import TransactionManagementError

from django_tandem.errors import InvalidJob
from django_tandem.queue import results
from django_tandem.queue.options import queue_database, queue_names, queue_options
from django_tandem.queue.priority import DEFAULT_PATIENCE
from django_tandem.queue.statements import statement
from django_tandem.queue.states import State

# In one statement, so that a million jobs do not make one long transaction.
BATCH = 1000

# How often a drain looks.
LOOK_S = 0.2

Kind = Literal["queue", "task"]
GoOn = Callable[[], bool]

# A claim that began so soon after a pause may not have seen it: who pauses commits within that time.
SEEN_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Which jobs are meant: those for which all that is given holds. `task` is a dotted path, `error` that of the
    exception with which a failed job ended, `priority` the least. Without any of them every job is meant, which must be
    said: `every=True`. Raises InvalidJob."""

    ids: Sequence[int] | None = None
    queue: str | None = None
    task: str | None = None
    state: State | None = None
    error: str | None = None
    priority: int | None = None
    every: bool = False

    def __post_init__(self) -> None:
        given = (self.ids, self.queue, self.task, self.state, self.error, self.priority)
        if self.every == any(value is not None for value in given):
            raise InvalidJob("Jobs: expected ids, queue, task, state, error or priority, or every=True for all jobs")

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "ids": None if self.ids is None else list(self.ids),
            "queue": self.queue,
            "task": self.task,
            "state": None if self.state is None else int(self.state),
            "error": self.error,
            "priority": self.priority,
        }


class Count(NamedTuple):
    """How many jobs are unfinished, and how many have failed."""

    unfinished: int
    failed: int


class Ended(NamedTuple):
    """How many jobs have ended, and how many that run were asked to."""

    ended: int
    asked: int


class Retried(NamedTuple):
    """How many jobs are ready again, and how many are not, because an unfinished job has their unique key."""

    ready: int
    skipped: int


class Pause(NamedTuple):
    """A queue or a task whose jobs are not begun."""

    kind: Kind
    name: str
    at: datetime
    by: str


class Running(NamedTuple):
    """A job that runs: by which server (its id) and worker (its process id)."""

    id: int
    task: str
    server: int
    worker: int


class Drained(NamedTuple):
    """How a drain stands. `is_new`: the queue was not paused before; `is_paused`: nobody has resumed it meanwhile;
    `is_empty`: none of its jobs runs, and none will."""

    is_new: bool
    is_paused: bool
    is_empty: bool
    running: list[Running]


def _on_and_on() -> bool:
    return True


def count(jobs: Jobs, *, most: int | None = None) -> Count:
    """What cancel and retry would find now. No more than `most` of each are counted: that many are there, or more."""
    return Count(*_rows("control", "count", {**jobs._parameters, "most": most})[0])


def cancel(jobs: Jobs, *, by: str, go_on: GoOn = _on_and_on) -> Ended:
    """End unfinished `jobs`: those that wait at once, those that run by an interruption. They end failed, with the
    error Cancelled, which names who did it (`by`), and are not retried. Raises InvalidJob for jobs that are meant by
    their error: those have ended, and without it the rest of the filter would mean others.

    `go_on` is asked after each thousand: no, and the rest stays as it is. The same in retry, pause and resume.
    """
    if jobs.error is not None:
        raise InvalidJob(f"Jobs: error is {jobs.error!r}; expected none for cancel, which is for unfinished jobs")
    parameters = {**jobs._parameters, "by": by}
    ended = 0
    for done in _batches("control", "cancel_waiting", parameters):
        ended += done
        if not go_on():
            return Ended(ended, 0)
    asked = _rows("control", "cancel_running", parameters)
    return Ended(ended, asked[0][0] if asked else 0)


def retry(jobs: Jobs, *, go_on: GoOn = _on_and_on) -> Retried:
    """Make failed `jobs` ready again. Their ids, their keys and the errors of their attempts are kept; their task's
    Retry counts from the start. Of those with the same unique key one is made ready, where none is unfinished."""
    if jobs.state not in (None, State.FAILED):
        return Retried(0, 0)
    patience = queue_options().patience
    parameters = {
        **jobs._parameters,
        "queues": list(patience),
        "patiences": list(patience.values()),
        "patience": DEFAULT_PATIENCE,
        "count": BATCH,
    }
    ready = skipped = after = 0
    while True:
        ((found, last, begun, _),) = _rows("control", "retry", {**parameters, "after": after})
        if not found:
            return Retried(ready, skipped)
        ready, skipped, after = ready + begun, skipped + found - begun, last
        if not go_on():
            return Retried(ready, skipped)


def pause(kind: Kind, name: str, *, by: str, go_on: GoOn = _on_and_on) -> bool:
    """Begin no more jobs of this queue or task; what runs goes on. False: it was paused already. Jobs of a task that
    `go_on` left ready are parked when a worker meets them."""
    _check_pause(kind, name)
    is_new = bool(_rows("pause", "pause", {"kind": kind, "name": name, "by": by}))
    if kind == "task":
        _until_stopped(_batches("pause", "park", {"task": name}), go_on)
    return is_new


def resume(kind: Kind, name: str, *, go_on: GoOn = _on_and_on) -> bool:
    """Begin jobs of this queue or task again. False: it was not paused. Jobs of a task that `go_on` left parked are
    made ready by the scheduler, a thousand a second."""
    _check_pause(kind, name)
    was_paused = bool(_rows("pause", "resume", {"kind": kind, "name": name}))
    if kind == "task":
        _until_stopped(_batches("pause", "unpark", {}, _jobs), go_on)
    else:
        _rows("pause", "announce", {"name": name})
    return was_paused


def drain(
    queue: str, *, by: str, wait: float | None = None, on_look: Callable[[Drained], object] = lambda _: None
) -> Drained:
    """Pause `queue`, and wait until none of its jobs runs; what waits stays and begins when it is resumed.

    `wait`: seconds at most; None as long as it takes, 0 looks once. It ends early where somebody resumes the queue.
    `on_look` is told how it stands, about five times a second. Raises InvalidJob, and TransactionManagementError inside
    a transaction, which would keep the pause to itself.
    """
    if wait is not None and not wait >= 0:
        raise InvalidJob(f"wait is {wait!r}; expected seconds, 0 or more, or None")
    if connections[queue_database()].in_atomic_block:
        raise TransactionManagementError("drain waits for workers, which must see its pause: call it outside atomic()")
    began = time.monotonic()
    is_new = pause("queue", queue, by=by)
    ((at,),) = _rows("pause", "now", {})
    while True:
        stands = _look(queue, at, is_new=is_new)
        on_look(stands)
        left = LOOK_S if wait is None else wait - (time.monotonic() - began)
        if stands.is_empty or not stands.is_paused or left <= 0:
            return stands
        time.sleep(min(LOOK_S, left))


def stands(pause: Pause) -> Drained:
    """How a queue that is paused stands now: what drain(wait=0) would say, without pausing it."""
    return _look(pause.name, pause.at + SEEN_AFTER, is_new=False)


def is_known(kind: Kind, name: str) -> bool:
    """Whether the code here, or an unfinished job, has this queue or task. A name that neither has may be misspelt."""
    _check_pause(kind, name)
    if name in queue_names() if kind == "queue" else _is_a_task(name):
        return True
    ((is_known,),) = _rows("pause", "known", {"kind": kind, "name": name})
    return bool(is_known)


def _is_a_task(name: str) -> bool:
    try:
        results.find_task(name)
    except ImportError:
        return False
    return True


def paused() -> list[Pause]:
    """What is paused."""
    return [Pause(*row) for row in _rows("pause", "paused", {})]


def _look(queue: str, at: datetime, *, is_new: bool) -> Drained:
    """First whether all see the pause, then what runs: the other way round a claim could end in between."""
    ((claims,),) = _rows("pause", "claims_since_before", {"at": at})
    running = [Running(*row) for row in _rows("pause", "running", {"queue": queue})]
    is_paused = any(pause.kind == "queue" and pause.name == queue for pause in paused())
    return Drained(is_new, is_paused, is_paused and not claims and not running, running)


def _check_pause(kind: str, name: str) -> None:
    if kind not in ("queue", "task"):
        raise InvalidJob(f"kind is {kind!r}; expected 'queue' or 'task'")
    if not name:
        raise InvalidJob(f"name is {name!r}; expected that of a {kind}")


def _rows(step: str, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """On Django's own connection, so that it joins the caller's transaction."""
    with connections[queue_database()].cursor() as cursor:
        cursor.execute(statement(step, name), parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _jobs(rows: list[tuple[Any, ...]]) -> int:
    """Of statements that tell (queue, jobs, …)."""
    return sum(row[1] for row in rows)


def _until_stopped(batches: Iterator[int], go_on: GoOn) -> None:
    for _ in batches:
        if not go_on():
            return


def _batches(
    step: str, name: str, parameters: Mapping[str, Any], size: Callable[[list[tuple[Any, ...]]], int] = len
) -> Iterator[int]:
    """Repeat a statement until it finds no more; the number of jobs of each time."""
    while done := size(_rows(step, name, {**parameters, "count": BATCH})):
        yield done
