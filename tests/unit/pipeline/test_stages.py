"""What may follow what, and how a run goes on from its ledger."""

from typing import NamedTuple, get_args

import pytest

from django_tandem.config.schema import Event
from django_tandem.monitor import alarms
from django_tandem.pipeline import notices, stages
from django_tandem.pipeline.stages import (
    Next,
    RunState,
    Step,
    legs_done,
    may_cancel,
    may_follow,
    next_step,
    plan,
    way_back,
)


class Row(NamedTuple):
    stage: str
    step: str
    leg: str | None
    state: str


def ended(*steps):
    return [Row(*step, None, "ended") for step in steps]


SHIP = plan("ship", gate=True)
ENDED = {state for state in RunState if stages.has_ended(state)}


def test_the_stages_are_in_order():
    assert stages.STAGES == ("source", "build", "trial", "approval", "fork", "verify", "return")
    assert [step.name for step in SHIP if step.stage == "fork"] == ["prepare", "migrate", "switch", "drain", "prove"]


def test_without_a_gate_nobody_is_asked_and_a_rollback_builds_nothing():
    assert set(SHIP) - set(plan("ship", gate=False)) == {stages.APPROVAL}
    assert plan("rollback", gate=True) == (*(step for step in SHIP if step.stage == "fork"), stages.VERIFY)


def test_what_has_ended_is_followed_by_nothing():
    assert {state.value for state in ENDED} == {
        "live", "failed", "rejected", "expired", "superseded", "cancelled", "rolled back",
    }  # fmt: skip
    for state in ENDED:
        assert not any(may_follow(other, state) for other in RunState)
        assert stages.leaves(state), f"nothing leads to {state}"


def test_every_open_state_is_reached_and_ends():
    reached, front = {RunState.WAITING}, [RunState.WAITING]
    while front:
        state = front.pop()
        following = {other for other in RunState if may_follow(other, state)} - reached
        reached |= following
        front += following
    assert reached == set(RunState)


@pytest.mark.parametrize("state", [RunState.APPROVED, RunState.FORKING])
def test_what_was_approved_is_neither_superseded_nor_asked_for_again(state):
    assert not may_follow(RunState.SUPERSEDED, state)
    assert not may_follow(RunState.ASKING, state)


def test_only_a_fork_becomes_live_or_rolled_back():
    for state in (RunState.LIVE, RunState.ROLLED_BACK):
        assert stages.leaves(state) == [RunState.FORKING]


@pytest.mark.parametrize("done", range(len(SHIP)))
def test_a_run_goes_on_after_what_has_ended(done):
    assert next_step(ended(*SHIP[:done]), SHIP) == Next(SHIP[done])


def test_after_the_last_step_it_is_live():
    assert next_step(ended(*SHIP), SHIP) == Next(None, RunState.LIVE)


@pytest.mark.parametrize("state", ["running", "cut off"])
def test_what_was_begun_and_not_ended_is_done_again(state):
    steps = [*ended(*SHIP[:4]), Row(*stages.PREPARE, None, state)]
    assert next_step(steps, SHIP) == Next(stages.PREPARE)
    again = [*steps, Row(*stages.PREPARE, None, "ended")]
    assert next_step(again, SHIP) == Next(stages.MIGRATE)


def test_a_leg_that_ended_does_not_end_the_step():
    steps = [*ended(*SHIP[:4]), Row(*stages.PREPARE, None, "cut off"), Row(*stages.PREPARE, "async", "ended")]
    steps.append(Row(*stages.PREPARE, "backoffice", "failed"))
    assert next_step(steps, SHIP) == Next(stages.PREPARE)
    assert legs_done(steps, stages.PREPARE) == {"async"}
    assert legs_done([*steps, Row(*stages.PREPARE, "async", "cut off")], stages.PREPARE) == set()


@pytest.mark.parametrize("step", SHIP[:6], ids=lambda step: step.name)
def test_a_failure_before_the_switch_ends_the_run(step):
    steps = [*ended(*SHIP[: SHIP.index(step)]), Row(*step, None, "failed")]
    assert next_step(steps, SHIP) == Next(None, RunState.FAILED)


@pytest.mark.parametrize("step", SHIP[6:], ids=lambda step: step.name)
def test_a_failure_from_the_switch_on_takes_both_legs_back(step):
    steps = [*ended(*SHIP[: SHIP.index(step)]), Row(*step, None, "failed")]
    assert next_step(steps, SHIP) == Next(stages.SWITCH_BACK)
    for back, following in zip(stages.RETURN, (*stages.RETURN[1:], None), strict=True):
        steps += ended(back)
        assert next_step(steps, SHIP).step == following
    assert next_step(steps, SHIP) == Next(None, RunState.ROLLED_BACK)


def test_a_return_that_was_begun_is_finished():
    steps = [*ended(*SHIP[:7]), Row(*stages.SWITCH_BACK, None, "cut off")]
    assert next_step(steps, SHIP) == Next(stages.SWITCH_BACK)


def test_a_return_that_failed_is_for_a_person():
    steps = [*ended(*SHIP[:6]), Row(*stages.SWITCH, None, "failed"), Row(*stages.SWITCH_BACK, None, "failed")]
    assert next_step(steps, SHIP) == Next(None, RunState.FAILED)


def test_an_activation_has_a_switch_and_the_way_back_and_nothing_else():
    steps, back = plan("activate", gate=True), way_back("activate")
    assert steps == (stages.PREPARE, stages.SWITCH)
    assert next_step(ended(*steps), steps, back) == Next(None, RunState.LIVE)
    assert next_step([Row(*stages.PREPARE, None, "failed")], steps, back) == Next(None, RunState.FAILED)
    late = [*ended(stages.PREPARE), Row(*stages.SWITCH, None, "failed")]
    assert next_step(late, steps, back) == Next(stages.SWITCH_BACK)
    assert next_step([*late, *ended(stages.SWITCH_BACK)], steps, back) == Next(None, RunState.ROLLED_BACK)
    assert not may_cancel(RunState.FORKING, late)


@pytest.mark.parametrize("state", [state for state in RunState if state not in ENDED])
def test_nothing_is_cancelled_after_migrations_began(state):
    before = ended(*SHIP[: SHIP.index(stages.MIGRATE)])
    assert may_cancel(state, before)
    assert not may_cancel(state, [*before, Row(*stages.MIGRATE, None, "running")])


@pytest.mark.parametrize("state", sorted(ENDED, key=str))
def test_what_has_ended_is_not_cancelled(state):
    assert not may_cancel(state, [])


def test_a_step_is_known_by_both_its_names():
    assert Step("fork", "switch") != stages.SWITCH_BACK


def test_one_may_be_told_of_every_state_that_people_do_something_about():
    of_alarms = {notices.ORPHAN, alarms.ALARM, alarms.OVER}
    assert {state.value for state in notices.OF_RUNS} | of_alarms == set(get_args(Event))
    unheard = {RunState.WAITING, RunState.RUNNING, RunState.FORKING}
    assert set(notices.OF_RUNS) == set(RunState) - unheard
