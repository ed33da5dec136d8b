"""The order of stages, the states of a run, and what may follow what: pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class RunState(str, Enum):
    """What a run is about. The values are written in the tables and are what people read: they never change."""

    WAITING = "waiting"
    RUNNING = "running"
    ASKING = "waiting for approval"
    APPROVED = "approved"
    FORKING = "forking"
    LIVE = "live"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled back"


# In which a newer commit supersedes a run: nobody has given anything for it yet.
WAITING = (RunState.WAITING, RunState.ASKING)

_FOLLOWS: dict[RunState, tuple[RunState, ...]] = {
    RunState.WAITING: (RunState.RUNNING, RunState.FORKING, RunState.FAILED, RunState.SUPERSEDED, RunState.CANCELLED),
    RunState.RUNNING: (
        RunState.ASKING,
        RunState.FORKING,
        RunState.FAILED,
        RunState.SUPERSEDED,
        RunState.CANCELLED,
    ),
    RunState.ASKING: (
        RunState.APPROVED,
        RunState.REJECTED,
        RunState.EXPIRED,
        RunState.SUPERSEDED,
        RunState.FAILED,
        RunState.CANCELLED,
    ),
    RunState.APPROVED: (RunState.FORKING, RunState.FAILED, RunState.CANCELLED),
    RunState.FORKING: (RunState.LIVE, RunState.FAILED, RunState.ROLLED_BACK, RunState.CANCELLED),
}


def may_follow(state: RunState, after: RunState) -> bool:
    """Whether a run in `after` may become `state`."""
    return state in _FOLLOWS.get(after, ())


def leaves(to: RunState) -> list[RunState]:
    """The states from which a run may become `to`."""
    return [state for state, following in _FOLLOWS.items() if to in following]


def has_ended(state: RunState) -> bool:
    """Whether nothing follows."""
    return state not in _FOLLOWS


class Step(NamedTuple):
    """A step of a stage: both names."""

    stage: str
    name: str


SOURCE, BUILD, TRIAL = Step("source", "source"), Step("build", "build"), Step("trial", "trial")
APPROVAL = Step("approval", "approval")
PREPARE, MIGRATE, SWITCH = Step("fork", "prepare"), Step("fork", "migrate"), Step("fork", "switch")
DRAIN, PROVE = Step("fork", "drain"), Step("fork", "prove")
VERIFY = Step("verify", "verify")
# Both legs go back to the release before: after a failure behind the switch.
SWITCH_BACK, DRAIN_BACK, PROVE_BACK = Step("return", "switch"), Step("return", "drain"), Step("return", "prove")

FORK = (PREPARE, MIGRATE, SWITCH, DRAIN, PROVE, VERIFY)
RETURN = (SWITCH_BACK, DRAIN_BACK, PROVE_BACK)
STEPS = (SOURCE, BUILD, TRIAL, APPROVAL, *FORK, *RETURN)
STAGES = tuple(dict.fromkeys(step.stage for step in STEPS))

# From here on what has been done is undone by going back, and not by stopping.
_BEHIND_THE_SWITCH = (SWITCH, DRAIN, PROVE, VERIFY)


def plan(kind: str, *, gate: bool) -> tuple[Step, ...]:
    """The steps of a run of `kind`: a rollback forks a release that is there, an activation moves the fence to servers
    that somebody else keeps. `gate`: whether somebody is asked."""
    if kind == "activate":
        return PREPARE, SWITCH
    if kind == "rollback":
        return FORK
    return (SOURCE, BUILD, TRIAL, *((APPROVAL,) if gate else ()), *FORK)


class Done(Protocol):
    """A step in the ledger. `state`: ended, failed, running, cut off; `leg`: None for the whole step."""

    @property
    def stage(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def leg(self) -> str | None: ...
    @property
    def state(self) -> str: ...


class Next(NamedTuple):
    """How a run goes on: the step to be done, or, where there is none, the state in which it ends."""

    step: Step | None
    ends: RunState | None = None


def way_back(kind: str) -> tuple[Step, ...]:
    """The steps that undo a switch. An activation ends no servers."""
    return (SWITCH_BACK,) if kind == "activate" else RETURN


def next_step(steps: Sequence[Done], plan: Sequence[Step], back: Sequence[Step] = RETURN) -> Next:
    """What a driver who takes over does next, by the ledger's `steps` in their order. A step that was begun and not
    ended is done again; a leg's own rows say nothing about the whole. `back`: the way back."""
    last = {Step(one.stage, one.step): one.state for one in steps if one.leg is None}
    went_back = any(step in last for step in RETURN)
    if went_back or any(last.get(step) == "failed" for step in _BEHIND_THE_SWITCH):
        return _first(last, back, RunState.ROLLED_BACK)
    return _first(last, plan, RunState.LIVE)


def _first(last: dict[Step, str], plan: Sequence[Step], ends: RunState) -> Next:
    for step in plan:
        if last.get(step) == "failed":
            return Next(None, RunState.FAILED)
        if last.get(step) != "ended":
            return Next(step)
    return Next(None, ends)


def legs_done(steps: Iterable[Done], step: Step) -> set[str]:
    """The legs that have ended `step`, by their last rows."""
    last = {one.leg: one.state for one in steps if (one.stage, one.step) == step and one.leg is not None}
    return {leg for leg, state in last.items() if state == "ended"}


def may_cancel(state: RunState, steps: Iterable[Done]) -> bool:
    """Whether the run may still be cancelled: nothing is after migrations began, or where there are none the switch."""
    return not has_ended(state) and not any((one.stage, one.step) in (MIGRATE, SWITCH) for one in steps)
