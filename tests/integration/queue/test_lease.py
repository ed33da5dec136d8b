"""A server's heartbeat is the right to finish its jobs; when it ends, they go back, each attempt counted as it was."""

import json
import os
from datetime import timedelta

import pytest
from django.utils.dateparse import parse_datetime

from django_tandem.queue import lease
from django_tandem.queue.claim import Owner
from django_tandem.queue.lease import LEASE, MOST_DEATHS
from django_tandem.queue.states import State
from django_tandem.queue.tasks_api import TaskResultStatus
from tests import jobs as shared
from tests.integration.queue.conftest import Hand


@pytest.fixture
def claimed(hand):
    """Jobs that the worker has claimed."""

    def claimed(count=1, hand=hand):
        for _ in range(count):
            shared.nothing.enqueue()
        return hand.claim(count)

    return claimed


def states(jobs):
    return {job["id"]: (State(job["state"]).name, job["attempt"]) for job in jobs()}


def test_a_server_registers_and_renews(database, server, rows):
    (row,) = rows("SELECT * FROM tandem_server")
    assert (row["id"], row["role"], row["host"], row["pid"]) == (server, "async", "here", os.getpid())
    assert (row["release"], row["state"]) == ("test", "active")
    lease.renew(database, server, "draining")
    (renewed,) = rows("SELECT * FROM tandem_server")
    assert renewed["state"] == "draining"
    assert renewed["heartbeat_at"] > row["heartbeat_at"]


def test_of_a_dead_worker_what_had_begun_counts_and_what_had_not_does_not(hand, claimed, jobs, caplog):
    begun, unbegun = claimed(2)
    assert lease.put_back(hand.connection, *hand.owner, begun=[begun.id]) == 2
    assert states(jobs) == {begun.id: ("READY", 1), unbegun.id: ("READY", 0)}
    first, second = jobs()
    (attempt,) = json.loads(first["history"])
    assert attempt["worker"] == f"{hand.owner.server}-{hand.owner.worker}"
    assert parse_datetime(attempt["began"]) == begun.claimed_at == first["started_at"]
    assert attempt["error"] == {"class": "django_tandem.errors.WorkerDied", "text": "its worker process died"}
    assert (second["history"], second["started_at"]) == (None, None)
    for row, job in zip(jobs(), (begun, unbegun), strict=True):
        assert (row["due"], row["server"], row["worker"], row["claimed_at"]) == (job.due, None, None, None)
    assert f"1 job(s) of server {hand.owner.server} are back in queue default: its worker process died" in caplog.text


def test_what_other_workers_hold_stays_with_them(hand, other_hand, claimed, jobs):
    sibling = Hand(hand.connection, Owner(hand.owner.server, 1), hand.interrupts)
    (mine,) = claimed()
    (of_sibling,) = claimed(hand=sibling)
    (of_other,) = claimed(hand=other_hand)
    assert lease.put_back(hand.connection, *hand.owner, begun=[mine.id, of_sibling.id, of_other.id]) == 1
    assert states(jobs) == {mine.id: ("READY", 1), of_sibling.id: ("RUNNING", 1), of_other.id: ("RUNNING", 1)}


def test_a_dead_worker_is_given_up_once_however_often_it_is_told(hand, claimed, jobs):
    (job,) = claimed()
    assert lease.put_back(hand.connection, *hand.owner, begun=[job.id]) == 1
    assert lease.put_back(hand.connection, *hand.owner, begun=[job.id]) == 0
    assert states(jobs) == {job.id: ("READY", 1)}


def test_a_job_under_which_its_worker_dies_again_and_again_fails_with_the_reason(hand, claimed, jobs, results, caplog):
    (job,) = claimed()
    first_claimed_at = job.claimed_at
    for death in range(MOST_DEATHS):
        assert job.attempt == death + 1
        lease.put_back(hand.connection, *hand.owner, begun=[job.id], reason=f"death {death}")
        job = (hand.claim() or [None])[0]
    assert jobs() == []
    (row,) = results()
    assert (row["state"], row["attempt"]) == (State.FAILED, MOST_DEATHS)
    assert first_claimed_at == row["started_at"] < row["last_attempted_at"] < row["finished_at"]
    result = shared.nothing.get_result(str(row["id"]))
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, MOST_DEATHS)
    assert [error.traceback for error in result.errors] == [f"death {death}" for death in range(MOST_DEATHS)]
    assert f"job {row['id']} of server {hand.owner.server} failed: its worker died under it 3 times" in caplog.text


def test_what_had_not_begun_is_never_given_up(hand, claimed, jobs):
    (job,) = claimed()
    for _ in range(MOST_DEATHS + 2):
        lease.put_back(hand.connection, *hand.owner, begun=[])
        hand.claim()
    assert states(jobs) == {job.id: ("RUNNING", 1)}


def test_a_server_that_retires_gives_back_all_that_its_workers_held(hand, other_hand, claimed, jobs, rows):
    (mine,) = claimed()
    (of_sibling,) = claimed(hand=Hand(hand.connection, Owner(hand.owner.server, 1), hand.interrupts))
    (of_other,) = claimed(hand=other_hand)
    assert lease.retire(hand.connection, hand.owner.server) == 2
    assert states(jobs) == {mine.id: ("READY", 1), of_sibling.id: ("READY", 1), of_other.id: ("RUNNING", 1)}
    servers = {row["id"]: row["state"] for row in rows("SELECT id, state FROM tandem_server")}
    assert servers == {hand.owner.server: "stopped", other_hand.owner.server: "active"}
    assert json.loads(jobs()[0]["history"])[0]["error"]["text"] == "its server stopped"
    assert lease.retire(hand.connection, hand.owner.server) == 0


def test_the_lease_is_longer_than_two_renewals():
    assert timedelta(seconds=2 * lease.RENEW_S) < LEASE
