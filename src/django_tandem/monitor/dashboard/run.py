"""The page of one run: its timeline, its gate with what changes; approve, reject, cancel, go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.http import Http404, HttpRequest

from django_tandem.errors import NotMigrated, RunNotFound
from django_tandem.monitor.dashboard import access, project
from django_tandem.monitor.dashboard.action import Declined, action
from django_tandem.monitor.dashboard.page import page
from django_tandem.pipeline import approval, ledger, lock, wording
from django_tandem.pipeline.approval import Approval
from django_tandem.pipeline.driver import Driver
from django_tandem.pipeline.lock import LIMIT
from django_tandem.pipeline.run import Run, StepFact
from django_tandem.pipeline.stages import APPROVAL, STAGES, RunState, has_ended, may_cancel
from django_tandem.queue import fence
from django_tandem.queue.connect import Connection

LOOKS = {
    "live": "good",
    "ended": "good",
    "failed": "bad",
    "cut off": "bad",
    "rejected": "bad",
    "expired": "bad",
    "rolled back": "bad",
    "waiting for approval": "warn",
    "waiting": "warn",
    "superseded": "",
    "cancelled": "",
}
KINDS = {"ship": "", "rollback": "rollback to ", "activate": "activation of "}
LONGEST_REASON = 1000
MOST_OPEN = 10


@page("releases", "run.html")
def run(request: HttpRequest, *, run: int) -> dict[str, Any]:
    """All that is known of a run."""
    with project.connection() as connection:
        try:
            found = ledger.read_run(connection, run)
        except RunNotFound as error:
            raise Http404(str(error)) from None
        gate = approval.read(connection, run)
        steps = ledger.timeline(connection, run)
        driven_by = _driver_of(connection, run)
        live = fence.read(connection).release
    is_open = not has_ended(found.state)
    waits = gate is not None and gate.decision is None and found.state is RunState.ASKING
    return {
        "run": row(found),
        "is_live": found.state is RunState.LIVE and live == found.release,
        "gate": gate,
        "changes": None if gate is None else _changes(gate),
        "may_decide": waits and gate is not None and not gate.late,
        "late": waits and gate is not None and gate.late,
        "stages": _stages(steps, gate),
        "driven_by": driven_by,
        "needs_driver": is_open and driven_by is None and found.state is not RunState.ASKING,
        "may_cancel": may_cancel(found.state, steps),
        "can_start": project.driver() is not None,
    }


@action("approve", needs=access.RELEASE)
def approve(request: HttpRequest, *, run: int) -> str:
    """Let a run go on, for the digest that the page showed."""
    with project.connection() as connection:
        approval.approve(connection, run, by=access.person(request), via=access.place(request), digest=_digest(request))
    return f"run {run} may go live; who drives it goes on now"


@action("reject", needs=access.RELEASE)
def reject(request: HttpRequest, *, run: int) -> str:
    """End a run at its gate."""
    by, via, digest = access.person(request), access.place(request), _digest(request)
    with project.connection() as connection:
        approval.reject(connection, run, by=by, via=via, reason=_reason(request), digest=digest)
    return f"run {run} has ended: nothing of it goes live"


@action("cancel run", needs=access.RELEASE)
def cancel(request: HttpRequest, *, run: int) -> str:
    """End a run before its migrations begin."""
    with project.connection() as connection:
        ledger.cancel(connection, run, by=access.person(request), reason=_reason(request))
    return f"run {run} has ended: nothing of it goes live"


@action("resume run", needs=access.RELEASE)
def resume(request: HttpRequest, *, run: int) -> str:
    """Start a driver for a run that nobody drives."""
    with project.connection() as connection:
        found, driven_by = ledger.read_run(connection, run), _driver_of(connection, run)
    if has_ended(found.state):
        raise Declined(f"run {run} has ended: it is {found.state.value}")
    if driven_by is not None:
        raise Declined(f"{driven_by} drives run {run}")
    if (driver := project.driver()) is None:
        raise Declined(f"it cannot be done from here: in the project's folder, tandem pipeline resume {run}")
    start(driver, run)
    return f"run {run} is gone on with"


def start(driver: Driver, run: int) -> None:
    """Start a driver of its own for a run. Raises HostFailed."""
    driver.start(["pipeline", "resume", str(run)], f"run-{run}")


def under_way() -> list[dict[str, Any]]:
    """The runs that are open, newest first; none where the pipeline's tables are not made yet."""
    with suppress(NotMigrated), project.connection() as connection:
        return [row(one) for one in ledger.newest_runs(connection, MOST_OPEN, only_open=True)]
    return []


def row(run: Run) -> dict[str, Any]:
    """What lists of runs say of one."""
    ended = has_ended(run.state)
    return {
        "id": run.id,
        "kind": run.kind,
        "name": f"{KINDS[run.kind]}{run.release}",
        "release": run.release,
        "commit": run.commit,
        "ref": run.ref if run.kind == "ship" else None,
        "state": run.state.value,
        "looks": LOOKS.get(run.state.value, "busy"),
        "by": run.begun_by,
        "via": run.begun_via,
        "begun_at": run.begun_at,
        "ended_at": run.ended_at,
        "took": run.seconds if ended else None,
        "reason": run.reason,
        "digest": run.digest,
        "superseded_by": run.superseded_by,
        "asks": run.state is RunState.ASKING,
        "is_open": not ended,
    }


def number(text: str | None) -> int | None:
    """The number of a run that an address names."""
    return int(text) if text and text.isdecimal() and 0 < len(text) < 19 else None


def _digest(request: HttpRequest) -> str:
    if not (digest := request.POST.get("digest", "")):
        raise Declined("it is not said for which digest: decide on the run's page")
    return digest


def _reason(request: HttpRequest) -> str | None:
    return " ".join(request.POST.get("reason", "").split())[:LONGEST_REASON] or None


def _driver_of(connection: Connection, run: int) -> str | None:
    """The process that drives a run now."""
    owner = lock.read(connection)
    if owner is None or owner.run != run or (owner.age_s or 0) > LIMIT.total_seconds():
        return None
    return f"process {owner.pid} on {owner.host}"


def _changes(gate: Approval) -> dict[str, Any]:
    summary = gate.summary
    return {
        **summary,
        "since": wording.since(summary),
        "settings": wording.settings(summary.get("settings", {})),
        "dependencies": wording.dependencies(summary.get("dependencies", {})),
        "roles": sorted(summary.get("roles", {}).items()),
        "failed": [one for one in summary.get("trial", []) if not one.get("passed")],
    }


def _stages(steps: Sequence[StepFact], gate: Approval | None) -> list[dict[str, Any]]:
    """By stage: its steps, each with its legs, and how long the whole ones took together, where there are several."""
    found = []
    for stage in sorted({step.stage for step in steps}, key=STAGES.index):
        own = [step for step in steps if step.stage == stage]
        if stage == APPROVAL.stage and gate is not None and gate.decided_at is not None:
            # The driver writes this step when it hears of the decision.
            waited = (gate.decided_at - gate.asked_at).total_seconds()
            own = [step._replace(began_at=gate.asked_at, ended_at=gate.decided_at, seconds=waited) for step in own]
        took = [step.seconds for step in own if step.leg is None and step.ended_at and step.seconds is not None]
        found.append({"name": stage, "steps": _placed(own), "took": sum(took) if len(took) > 1 else None})
    return found


def _placed(steps: Sequence[StepFact]) -> list[dict[str, Any]]:
    """Steps of a stage with where each lies between the stage's first moment and its last, in percent."""
    first = min(step.began_at for step in steps)
    last = max(step.ended_at or step.began_at for step in steps)
    whole = max((last - first).total_seconds(), 0.001)
    return [
        {
            **step._asdict(),
            "name": step.stage if step.stage == step.step else step.step,
            "looks": LOOKS.get(step.state, "busy"),
            "took": step.seconds if step.ended_at else None,
            "text": step.detail.get("text") or step.detail.get("says") or "",
            "left": f"{min(100 * (step.began_at - first).total_seconds() / whole, 99.0):.1f}",
            "width": f"{max(100 * ((step.ended_at or last) - step.began_at).total_seconds() / whole, 1.0):.1f}",
        }
        for step in steps
    ]
