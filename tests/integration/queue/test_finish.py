"""An outcome moves its job into the results of its day, if the lease is still held; otherwise it is dropped."""

import json
import random
from datetime import datetime, timedelta, timezone

import pytest

from django_tandem.queue import claim, finish, lease
from django_tandem.queue.run import failed, run
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import tasks

KEPT = (
    "id",
    "queue",
    "task",
    "arguments",
    "backend",
    "priority",
    "attempt",
    "worker",
    "server",
    "enqueued_at",
    "run_after",
)


@pytest.fixture
def ran(hand):
    """Enqueue additions, claim and run them: their outcomes."""

    def ran(count=1):
        for number in range(count):
            shared.add.enqueue(number, b=1)
        return [run(job, hand.owner, hand.interrupts) for job in hand.claim(count)]

    return ran


def test_a_finished_job_is_a_result_in_the_partition_of_its_day(hand, jobs, rows):
    tasks.special.using(run_after=datetime.now(timezone.utc) - timedelta(hours=1)).enqueue()
    (job,) = hand.claim(queues=["special"])
    (before,) = jobs()
    outcome = run(job, hand.owner, hand.interrupts)
    assert finish.finish(hand.connection, hand.owner, [outcome]) == []
    assert jobs() == []
    (result,) = rows("SELECT tableoid::regclass::text AS partition, * FROM tandem_result")
    assert {name: result[name] for name in KEPT} == {name: before[name] for name in KEPT}
    assert (result["state"], result["return_value"], result["history"]) == (State.SUCCESSFUL, '"special"', None)
    assert result["partition"] == f"tandem_result_{result['finished_at']:%Y%m%d}"
    assert job.claimed_at <= result["started_at"] == result["last_attempted_at"] <= result["finished_at"]
    took = (result["finished_at"] - result["started_at"]).total_seconds()
    assert took == pytest.approx(outcome.ended - outcome.began, abs=1e-5)


def test_a_job_that_failed_keeps_its_history(hand, results):
    shared.fail.enqueue("no")
    hand.work()
    (result,) = results()
    assert (result["state"], result["return_value"]) == (State.FAILED, None)
    (attempt,) = json.loads(result["history"])
    assert attempt["worker"] == f"{hand.owner.server}-{hand.owner.worker}"
    assert attempt["error"]["class"] == "builtins.ValueError"
    assert datetime.fromisoformat(attempt["began"]) <= datetime.fromisoformat(attempt["ended"])


def test_what_finishes_on_a_day_without_a_partition_is_kept_as_well(hand, ran, rows):
    day = f"tandem_result_{datetime.now(timezone.utc):%Y%m%d}"
    hand.connection.execute(f"ALTER TABLE tandem_result DETACH PARTITION {day}".encode())
    hand.connection.execute(f"DROP TABLE {day}".encode())
    assert finish.finish(hand.connection, hand.owner, ran()) == []
    assert rows("SELECT count(*) FROM ONLY tandem_result_rest") == [{"count": 1}]


@pytest.mark.parametrize("why", ["another attempt", "another server", "given back", "finished", "gone"])
def test_an_outcome_whose_lease_was_lost_is_dropped_and_the_others_are_written(
    hand, other_hand, ran, jobs, results, why
):
    outcomes = ran(3)
    lost = outcomes[1]
    if why == "gone":
        hand.connection.execute("DELETE FROM tandem_job WHERE id = %s", [lost.job.id])
    elif why == "finished":
        finish.finish(hand.connection, hand.owner, [lost])
    else:
        lease.put_back(hand.connection, *hand.owner, begun=[lost.job.id])
        hand.connection.execute(
            "UPDATE tandem_job SET state = 2, server = %s, worker = %s, attempt = 1 WHERE id <> %s",
            [*hand.owner, lost.job.id],
        )
        if why != "given back":
            (other_hand if why == "another server" else hand).claim()
    before = jobs()
    assert finish.finish(hand.connection, hand.owner, outcomes) == [lost]
    assert [row["id"] for row in results() if row["id"] != lost.job.id] == [outcomes[0].job.id, outcomes[2].job.id]
    assert jobs() == [row for row in before if row["id"] == lost.job.id]
    assert len([row for row in results() if row["id"] == lost.job.id]) == (why == "finished")


def test_another_owner_cannot_finish(hand, other_hand, ran, jobs):
    outcomes = ran(2)
    assert finish.finish(other_hand.connection, other_hand.owner, outcomes) == outcomes
    assert len(jobs()) == 2


def test_one_by_one_an_outcome_that_cannot_be_stored_becomes_a_failure_with_the_reason(hand, ran, results, caplog):
    first, second, third = ran(3)
    outcomes = [first, second._replace(returned="a\x00b"), third]
    assert finish.finish_each(hand.connection, hand.owner, outcomes) == []
    states = {row["id"]: row["state"] for row in results()}
    assert states == {first.job.id: State.SUCCESSFUL, second.job.id: State.FAILED, third.job.id: State.SUCCESSFUL}
    result = shared.add.get_result(str(second.job.id))
    assert result.errors[0].exception_class.__name__ == "DataError"
    assert "NUL (0x00)" in result.errors[0].traceback
    assert f"job {second.job.id} (tests.jobs.add): its result cannot be stored" in caplog.text


def test_one_by_one_lost_leases_are_dropped_as_well(hand, ran):
    first, second = ran(2)
    claim.release(hand.connection, hand.owner, [first.job])
    assert finish.finish_each(hand.connection, hand.owner, [first, second]) == [first]


def test_after_a_broken_connection_it_is_known_which_outcomes_arrived(hand, other_hand, ran):
    first, second, third = ran(3)
    finish.finish(hand.connection, hand.owner, [first, third])
    outcomes = [first, second, third._replace(job=third.job._replace(attempt=2))]
    assert finish.already_written(hand.connection, hand.owner, outcomes) == {first.job.id}
    assert finish.already_written(hand.connection, other_hand.owner, outcomes) == set()


def test_a_later_failure_is_added_to_the_history(hand, ran):
    (outcome,) = ran()
    once = failed(outcome.job, hand.owner, outcome.began, ValueError("first"))
    twice = failed(outcome.job._replace(history=once.history), hand.owner, outcome.began, KeyError("second"))
    assert [attempt["error"]["class"] for attempt in json.loads(twice.history)] == [
        "builtins.ValueError",
        "builtins.KeyError",
    ]


@pytest.mark.parametrize("known", ["nothing", "empty", "many", "running", "truncated"])
def test_jobs_are_found_by_their_ids_whatever_the_statistics_say(hand, database, known):
    """With a plan that goes by what runs, a finish costs what all claims since the last vacuum left behind."""
    database.execute("TRUNCATE tandem_job")
    if known != "nothing":
        database.execute("ANALYZE tandem_job")
    if known in ("many", "running", "truncated"):
        task_backends["default"].enqueue_many(shared.nothing, [((), {})] * 5000)
        database.execute("ANALYZE tandem_job")
    if known in ("running", "truncated"):
        hand.claim(1000)
        database.execute("ANALYZE tandem_job")
    if known == "truncated":
        database.execute("TRUNCATE tandem_job")
    shared.nothing.enqueue()
    (outcome,) = [run(job, hand.owner, hand.interrupts) for job in hand.claim()]
    plan = database.execute(
        b"EXPLAIN " + finish._FINISH, finish._columns(hand.owner, [outcome]), prepare=True, binary=False
    ).fetchall()
    lines = [line.strip() for (line,) in plan]
    assert any("Index Scan using tandem_job_pkey on tandem_job" in line for line in lines), lines
    assert any(line.startswith("Index Cond: (id = ANY (") for line in lines), lines
    assert not any("tandem_job_running" in line for line in lines), lines


def test_outcomes_are_written_each_with_its_own_values_in_whatever_order_they_come(hand, results):
    ids = [shared.add.enqueue(number, b=100).id for number in range(20)] + [shared.fail.enqueue("x").id]
    outcomes = [run(job, hand.owner, hand.interrupts) for job in hand.claim(30)]
    random.shuffle(outcomes)
    assert finish.finish(hand.connection, hand.owner, outcomes) == []
    found = {str(row["id"]): row for row in results()}
    assert [found[one]["return_value"] for one in ids] == [str(100 + number) for number in range(20)] + [None]
    assert [bool(found[one]["history"]) for one in ids] == [False] * 20 + [True]
