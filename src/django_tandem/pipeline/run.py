"""A run and its steps, as the ledger has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django_tandem.pipeline.stages import RunState
from django_tandem.release.manifest import RELEASE_DIGITS

Kind = Literal["ship", "rollback", "activate"]
Policy = Literal["supersede", "queue", "reject"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run. `commit`: of an activation the name of its release; `digest`: of the manifest, once it is built; `reason`:
    why it ended; `seconds`: how long it took, or has taken so far."""

    id: int
    kind: Kind
    commit: str
    ref: str | None
    policy: Policy
    state: RunState
    digest: str | None
    begun_by: str
    begun_via: str
    begun_at: datetime
    ended_at: datetime | None
    reason: str | None
    superseded_by: int | None
    seconds: float

    @property
    def release(self) -> str:
        """The name of its release, which the fence gets."""
        return self.commit if self.kind == "activate" else self.commit[:RELEASE_DIGITS]


class Begun(NamedTuple):
    """The run of a commit; whether this call began it, and which runs it superseded."""

    run: Run
    is_new: bool
    superseded: tuple[int, ...] = ()


class StepFact(NamedTuple):
    """A step as it stands. `state`: ended, failed, running, cut off; `seconds`: None where nobody knows how long."""

    stage: str
    step: str
    leg: str | None
    host: str | None
    state: str
    began_at: datetime
    ended_at: datetime | None
    seconds: float | None
    detail: dict[str, Any]
    driver: str
