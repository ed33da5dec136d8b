"""Notices: of what happens to runs, and of orphans, whoever tandem.toml names is told, by a job of the queue.

The job is written in the transaction that writes what it tells of: neither is there without the other.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from psycopg import errors as postgres

from django_tandem.errors import TandemError
from django_tandem.pipeline.run import Run
from django_tandem.pipeline.stages import RunState
from django_tandem.pipeline.statements import statement
from django_tandem.queue.connect import Connection
from django_tandem.queue.enqueue import enqueue_on
from django_tandem.queue.options import queue_options

logger = logging.getLogger("django_tandem.pipeline")

# The states of runs of which one may be told. Beside them there is "orphan"; "test" is for `tandem pipeline notify`.
OF_RUNS = (
    RunState.ASKING,
    RunState.APPROVED,
    RunState.LIVE,
    RunState.ROLLED_BACK,
    RunState.FAILED,
    RunState.REJECTED,
    RunState.EXPIRED,
    RunState.SUPERSEDED,
    RunState.CANCELLED,
)
ORPHAN, TEST = "orphan", "test"

# What is still so after this is told again.
REMEMBERED = timedelta(days=90)


def notify(connection: Connection, event: str, facts: Mapping[str, Any], *, key: str) -> list[int]:
    """Tell everybody whose notice has `event`, once for each `key`, in the transaction that is open on `connection`;
    the jobs that do it.

    `facts` is JSON without secrets: `text`, a line for people, and whatever says more. Nobody wants to hear of it:
    nothing is done. That it cannot be told is logged and stops nobody.
    """
    names = [name for name, events in _wanted().items() if event in events]
    return [job for name in names if (job := _enqueue(connection, name, event, facts, key)) is not None]


def of_run(connection: Connection, run: Run, more: Mapping[str, Any] | None = None) -> None:
    """Tell how `run` stands, where that is something to be told; `more` is added to the facts."""
    if run.state not in OF_RUNS or not _wanted():
        return
    known = {
        "id": run.id,
        "kind": run.kind,
        "state": run.state.value,
        "commit": run.commit,
        "ref": run.ref,
        "digest": run.digest,
        "begun_by": run.begun_by,
        "reason": run.reason,
        "seconds": round(run.seconds, 1),
    }
    facts = {"text": _text(run, more or {}), "run": known, **(more or {})}
    notify(connection, run.state.value, facts, key=f"run {run.id} {run.state.value}")


def send_test(connection: Connection, name: str, by: str) -> int:
    """Send a notice that tells of nothing, whatever events it has; the job that does it."""
    with connection.transaction():
        job = _write(connection, name, TEST, {"text": f"a test of the notice {name}, by {by}"}, f"test {uuid.uuid4()}")
    assert job is not None  # noqa: S101 - its key is new
    return job


def _wanted() -> Mapping[str, list[str]]:
    found: Mapping[str, list[str]] = getattr(settings, "TANDEM_NOTICES", {})
    return found


def _enqueue(connection: Connection, name: str, event: str, facts: Mapping[str, Any], key: str) -> int | None:
    try:
        with connection.transaction():
            return _write(connection, name, event, facts, key)
    except (postgres.UndefinedTable, TandemError) as error:
        # A release is not stopped because nobody can be told of it.
        logger.warning("the notice %s of %r is not sent: %s", name, key, " ".join(str(error).split()))
        return None


def _write(connection: Connection, name: str, event: str, facts: Mapping[str, Any], key: str) -> int | None:
    # Not above: what defines a task needs settings, and commands import this before they have any.
    from django_tandem.pipeline.delivery import deliver

    connection.execute(statement("notice", "forget"), {"older_than": REMEMBERED})
    row = {"notice": name, "key": key, "event": event}
    first = connection.execute(statement("notice", "once"), row).fetchone()
    if first is None:
        return None
    told = {"id": str(uuid.uuid4()), "event": event, "at": first[0].isoformat(), **facts}
    return enqueue_on(connection, deliver, (name, told), {}, queue_options())


def _text(run: Run, more: Mapping[str, Any]) -> str:
    kinds = {"ship": "", "rollback": "rollback to ", "activate": "activation of "}
    what = f"run {run.id}, {kinds[run.kind]}{run.release}"
    what += f" ({run.ref})" if run.ref and run.kind == "ship" else ""
    if run.state is RunState.ASKING:
        return f"{what}, waits for approval{_changes(more)}: tandem approve {run.id}"
    if run.state is RunState.LIVE:
        return f"{what}, is live on all roles"
    return f"{what}, is {run.state.value}" + (f": {run.reason}" if run.reason else "")


def _changes(more: Mapping[str, Any]) -> str:
    """How much the gate is about: ", 3 commits, 1 migration"."""
    summary = more.get("summary", {})
    known = ("commits", "migrations") if summary.get("since_is_here", True) else ("migrations",)
    counts = [(len(summary.get(kind, ())), kind.removesuffix("s")) for kind in known]
    return "".join(f", {count} {one}{'' if count == 1 else 's'}" for count, one in counts if count)
