"""The gate: one for a run, for one digest, decided once, in time, by somebody."""

import threading
from datetime import timedelta

import psycopg
import pytest

from django_tandem.errors import GateClosed, RunMoved, RunNotFound
from django_tandem.pipeline import approval, ledger, lock
from django_tandem.pipeline.stages import RunState
from django_tandem.queue.connect import connect
from tests.integration.pipeline.conftest import COMMIT, OTHER
from tests.waiting import until

DIGEST, ANOTHER = "d" * 64, "e" * 64
SUMMARY = {"since": None, "migrations": ["loans.0002_fee"]}
ADA = {"by": "ada", "via": "command line on h1"}
GRACE = {"by": "grace", "via": "dashboard, from 10.0.0.7"}


@pytest.fixture
def asking(ledgers, held, running):
    """The number of a run that waits for approval."""
    approval.ask(ledgers, held, running, DIGEST, SUMMARY, valid_for=timedelta(hours=24))
    return running


def make_late(ledgers, run):
    ledgers.execute("UPDATE tandem_approval SET expires_at = clock_timestamp() WHERE run = %s", [run])


def test_it_is_asked_with_what_changes_and_for_how_long(ledgers, asking, state):
    gate = approval.read(ledgers, asking)
    assert (gate.digest, gate.summary, gate.decision) == (DIGEST, SUMMARY, None)
    assert gate.expires_at - gate.asked_at == pytest.approx(timedelta(hours=24), abs=timedelta(seconds=1))
    assert state(asking) == "waiting for approval"


def test_asked_again_it_is_the_same_gate_and_for_another_digest_it_is_refused(ledgers, held, asking):
    first = approval.read(ledgers, asking)
    again = approval.ask(ledgers, held, asking, DIGEST, {}, valid_for=timedelta(hours=1))
    assert (again.asked_at, again.summary) == (first.asked_at, SUMMARY)
    with pytest.raises(GateClosed, match=rf"^the gate of run {asking} is for {DIGEST}, not for {ANOTHER}$"):
        approval.ask(ledgers, held, asking, ANOTHER, {}, valid_for=timedelta(hours=1))


def test_who_when_and_from_where_is_kept(ledgers, asking, state):
    gate = approval.approve(ledgers, asking, **ADA)
    assert (gate.decision, gate.decided_by, gate.via) == ("approved", "ada", "command line on h1")
    assert gate.asked_at <= gate.decided_at
    assert state(asking) == "approved"
    assert approval.given(ledgers, asking, DIGEST).decided_at == gate.decided_at


def test_a_run_that_is_rejected_ends_with_the_reason(ledgers, asking):
    approval.reject(ledgers, asking, **GRACE, reason="not on a Friday")
    run = ledger.read_run(ledgers, asking)
    assert (run.state, run.reason) == (RunState.REJECTED, "not on a Friday")
    assert run.ended_at is not None
    with pytest.raises(GateClosed, match="is not approved: its gate rejected by grace"):
        approval.given(ledgers, asking, DIGEST)


@pytest.mark.parametrize("decide", [approval.approve, approval.reject])
def test_an_approval_for_another_digest_is_refused_with_both_names(ledgers, asking, state, decide):
    with pytest.raises(GateClosed, match=rf"is for {DIGEST}, not for {ANOTHER}$") as refused:
        decide(ledgers, asking, **ADA, digest=ANOTHER)
    assert refused.value.exit_code == 3
    assert state(asking) == "waiting for approval"
    decide(ledgers, asking, **ADA, digest=DIGEST)


def test_what_was_approved_is_not_forked_with_another_digest(ledgers, asking):
    approval.approve(ledgers, asking, **ADA)
    with pytest.raises(GateClosed, match=rf"is for {DIGEST}, not for {ANOTHER}$"):
        approval.given(ledgers, asking, ANOTHER)


def test_the_same_person_twice_is_once_and_another_is_refused(ledgers, asking):
    first = approval.approve(ledgers, asking, **ADA)
    second = approval.approve(ledgers, asking, **ADA)
    assert second.decided_at == first.decided_at
    for decide, who in ((approval.approve, GRACE), (approval.reject, GRACE), (approval.reject, ADA)):
        with pytest.raises(
            GateClosed, match=rf"^run {asking} was approved by ada \(command line on h1\) at .* already$"
        ):
            decide(ledgers, asking, **who)
    assert approval.read(ledgers, asking).decided_at == first.decided_at


def test_of_many_who_decide_at_once_one_does(ledgers, asking, others):
    outcomes = []
    people = [(others(), approval.approve if number % 2 else approval.reject, f"p{number}") for number in range(8)]

    def decide(connection, how, by):
        try:
            outcomes.append(how(connection, asking, by=by, via="here").decided_by)
        except GateClosed:
            outcomes.append(None)

    threads = [threading.Thread(target=decide, args=person) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [by for by in outcomes if by]
    assert approval.read(ledgers, asking).decided_by == winner


def test_a_superseded_approval_can_no_longer_be_given(ledgers, asking, begin, state):
    newer = begin(OTHER).run.id
    assert state(asking) == "superseded"
    for decide in (approval.approve, approval.reject):
        with pytest.raises(
            GateClosed, match=rf"^run {asking} was superseded by run {newer}: its approval can no longer"
        ):
            decide(ledgers, asking, **ADA)
    assert (approval.read(ledgers, asking).decision, state(newer)) == ("superseded", "waiting")


def test_what_was_approved_is_not_superseded(ledgers, asking, begin, state):
    approval.approve(ledgers, asking, **ADA)
    assert begin(OTHER).superseded == ()
    assert state(asking) == "approved"


def test_who_asks_while_a_newer_run_waits_is_superseded(ledgers, held, running, begin, state):
    newer = begin(OTHER).run.id
    gate = approval.ask(ledgers, held, running, DIGEST, SUMMARY, valid_for=timedelta(hours=24))
    assert (gate.decision, state(running), state(newer)) == ("superseded", "superseded", "waiting")


def test_who_asks_while_a_newer_run_queues_is_asked(ledgers, held, running, begin):
    begin(OTHER, policy="queue")
    gate = approval.ask(ledgers, held, running, DIGEST, SUMMARY, valid_for=timedelta(hours=24))
    assert gate.decision is None


def test_after_its_hours_by_the_database_s_clock_it_has_expired(ledgers, asking, state):
    make_late(ledgers, asking)
    with pytest.raises(GateClosed, match=rf"^run {asking} has expired at .*: ship it again$"):
        approval.approve(ledgers, asking, **ADA)
    assert (approval.read(ledgers, asking).decision, state(asking)) == ("expired", "expired")
    assert ledger.read_run(ledgers, asking).reason == "nobody decided in time"


def test_a_gate_that_has_expired_keeps_no_new_run_away(ledgers, asking, begin, state):
    make_late(ledgers, asking)
    assert begin(OTHER, policy="reject").is_new
    assert state(asking) == "expired"


def test_a_commit_whose_gate_has_expired_is_a_new_run(ledgers, asking, begin):
    make_late(ledgers, asking)
    again = begin()
    assert again.is_new
    assert again.run.id > asking


def test_a_run_that_nobody_asked_for_is_told(ledgers, running, held):
    with pytest.raises(GateClosed, match=rf"^run {running} is running: it waits for no approval$"):
        approval.approve(ledgers, running, **ADA)
    with pytest.raises(RunNotFound):
        approval.approve(ledgers, running + 1, **ADA)
    with pytest.raises(GateClosed, match="nobody asked"):
        approval.wait(ledgers, running, seconds=0)
    ledger.move(ledgers, held, running, RunState.FAILED, reason="the tests failed")
    with pytest.raises(GateClosed, match=r"is failed \(the tests failed\): it waits"):
        approval.approve(ledgers, running, **ADA)


def test_a_run_that_ended_at_its_gate_by_itself_is_told(ledgers, held, asking):
    ledger.move(ledgers, held, asking, RunState.FAILED, reason="the artifact is gone")
    with pytest.raises(RunMoved, match="is failed, and waits for no approval"):
        approval.approve(ledgers, asking, **ADA)
    assert approval.read(ledgers, asking).decision is None


@pytest.mark.parametrize("how", ["UPDATE tandem_approval SET decided_by = 'eve'", "DELETE FROM tandem_approval"])
def test_nobody_changes_a_decision(ledgers, asking, how):
    approval.approve(ledgers, asking, **ADA)
    with pytest.raises(psycopg.errors.RestrictViolation, match="tandem_approval keeps what was written"):
        ledgers.execute(how)


def test_a_run_has_one_gate(ledgers, asking):
    with pytest.raises(psycopg.errors.UniqueViolation):
        ledgers.execute(
            "INSERT INTO tandem_approval (run, digest, summary, expires_at) VALUES (%s, 'x', '{}', now())", [asking]
        )


@pytest.fixture
def waiter(ledgers, monkeypatch):
    """Start a thread that waits for the gate of a run; what it was told. It would not look by itself for an hour."""
    monkeypatch.setattr(approval, "LOOK_S", 3600.0)
    started = []

    def wait(run):
        said = []

        def body():
            with connect("default", purpose="waits") as connection:
                said.append(connection.info.backend_pid)
                said.append(approval.wait(connection, run))

        started.append(threading.Thread(target=body, daemon=True))
        started[-1].start()
        until(lambda: said and _listens(ledgers, said[0]))
        return said

    yield wait
    for thread in started:
        thread.join(15)
        assert not thread.is_alive()


def _listens(ledgers, backend):
    """Whether it has looked at the gate and waits for what is said."""
    row = ledgers.execute("SELECT state, query FROM pg_stat_activity WHERE pid = %s", [backend]).fetchone()
    return row and row[0] == "idle" and "tandem_approval" in row[1]


def test_who_waits_goes_on_at_once(ledgers, asking, waiter):
    said = waiter(asking)
    approval.approve(ledgers, asking, **ADA)
    assert until(lambda: said[1:])[0].decided_by == "ada"


def test_who_waits_is_told_that_it_is_superseded(asking, waiter, begin):
    said = waiter(asking)
    begin(OTHER)
    assert until(lambda: said[1:])[0].decision == "superseded"


def test_who_waits_ends_when_the_time_is_over(ledgers, held, running, waiter):
    approval.ask(ledgers, held, running, DIGEST, SUMMARY, valid_for=timedelta(seconds=1))
    said = waiter(running)
    assert until(lambda: said[1:])[0].decision == "expired"


def test_who_waits_for_a_while_is_told_how_it_stands(ledgers, asking, others):
    assert approval.wait(others(), asking, seconds=0.05).decision is None


def test_a_driver_that_waits_may_give_the_lock_back_and_another_goes_on(ledgers, held, asking, others):
    lock.release(ledgers, held)
    approval.approve(ledgers, asking, **ADA)
    another = others()
    taken = lock.acquire(another, run=asking)
    approval.given(another, asking, DIGEST)
    ledger.move(another, taken, asking, RunState.FORKING)
    assert ledger.read_run(ledgers, asking).commit == COMMIT
