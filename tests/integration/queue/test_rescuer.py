"""The jobs of a server that falls silent go to others; of several rescuers one acts."""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from django_tandem.queue import lease, rescuer
from django_tandem.queue.lease import RENEW_S, rescue_silent
from django_tandem.queue.rescuer import GRACE_S
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue.conftest import backends
from tests.waiting import until


def silence(connection, server, seconds):
    query = (
        "UPDATE tandem_server SET heartbeat_at = clock_timestamp() - make_interval(secs => %s::float8) WHERE id = %s"
    )
    connection.execute(query, [seconds, server])


@pytest.fixture
def silent(hand):
    """A server that claimed a job and fell silent."""
    shared.nothing.enqueue()
    hand.claim()
    silence(hand.connection, hand.owner.server, 16)
    return hand


def test_the_jobs_of_a_silent_server_return_and_it_counts_as_stopped(silent, other_hand, jobs, rows, caplog):
    assert rescue_silent(other_hand.connection) == 1
    (job,) = jobs()
    assert (job["state"], job["attempt"], job["server"]) == (State.READY, 1, None)
    assert "has been silent for 0:00:15" in job["history"]
    states = {row["id"]: row["state"] for row in rows("SELECT id, state FROM tandem_server")}
    assert states == {silent.owner.server: "stopped", other_hand.owner.server: "active"}
    assert f"server {silent.owner.server} (async on here, pid {silent.owner.worker}) is silent" in caplog.text
    assert rescue_silent(other_hand.connection) == 0


def test_who_renews_within_the_lease_keeps_its_jobs(hand, jobs):
    shared.nothing.enqueue()
    hand.claim()
    silence(hand.connection, hand.owner.server, 14)
    assert rescue_silent(hand.connection) == 0
    assert rescue_silent(hand.connection, timedelta(seconds=13)) == 1


def test_a_job_whose_server_has_stopped_or_is_not_known_returns(hand, database, jobs):
    for _ in range(2):
        shared.nothing.enqueue()
    hand.claim(2)
    database.execute("UPDATE tandem_job SET server = 0 WHERE id = %s", [jobs()[0]["id"]])
    database.execute("UPDATE tandem_server SET state = 'stopped'")
    assert rescue_silent(database) == 2
    assert [(job["state"], job["attempt"]) for job in jobs()] == [(State.READY, 1)] * 2


def test_what_a_silent_server_finishes_after_its_rescue_is_dropped(silent, other_hand, jobs, results):
    (job,) = jobs()
    rescue_silent(other_hand.connection)
    other_hand.work()
    lease.renew(silent.connection, silent.owner.server, "active")
    with pytest.raises(AssertionError, match="nothing to do"):
        silent.work()
    (result,) = results()
    assert (result["id"], result["server"], result["attempt"]) == (job["id"], other_hand.owner.server, 2)


def test_a_server_that_was_only_slow_comes_back(silent, database, rows):
    rescue_silent(database)
    lease.renew(database, silent.owner.server, "active")
    assert rows("SELECT state FROM tandem_server") == [{"state": "active"}]
    assert rescue_silent(database) == 0
    silent.work()


def test_what_one_rescuer_is_at_another_passes_over_without_waiting(silent, others, jobs):
    other = others()
    other.execute("SET statement_timeout = '5s'")
    with silent.connection.transaction():
        assert rescue_silent(silent.connection) == 1
        assert rescue_silent(other) == 0


def test_of_several_rescuers_each_job_is_returned_by_one(hand, others, jobs):
    for _ in range(20):
        shared.nothing.enqueue()
    hand.claim(20)
    silence(hand.connection, hand.owner.server, 60)
    connections, returned, start = [others() for _ in range(6)], [], threading.Barrier(6)

    def rescue(connection):
        start.wait()
        returned.append(rescue_silent(connection))

    threads = [threading.Thread(target=rescue, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(returned) == [0, 0, 0, 0, 0, 20]
    assert {(job["state"], job["attempt"]) for job in jobs()} == {(State.READY, 1)}


@pytest.fixture
def rescuing(database):
    """The loop runs while the block does, by the given clock."""

    @contextmanager
    def rescuing(clock=time.time):
        stop = threading.Event()
        loop = threading.Thread(target=rescuer.run, args=("default", stop, clock))
        loop.start()
        try:
            yield
        finally:
            stop.set()
            loop.join(10)
        assert not loop.is_alive()
        until(lambda: not backends(database, "tandem rescuer"))

    return rescuing


def test_the_loop_rescues_and_goes_on_after_a_broken_connection(silent, database, jobs, rescuing):
    with rescuing():
        until(lambda: jobs()[0]["state"] == State.READY)
        silent.claim()
        silence(database, silent.owner.server, 60)
        for pid in until(lambda: backends(database, "tandem rescuer")):
            database.execute("SELECT pg_terminate_backend(%s::integer)", [pid])
        until(lambda: jobs()[0]["state"] == State.READY)
    assert jobs()[0]["attempt"] == 2


class Clock:
    now, looks = 1000.0, 0

    def __call__(self):
        self.looks += 1
        return self.now

    def go(self, seconds):
        """Let time pass, and the rescuer look."""
        self.now += seconds
        seen = self.looks
        until(lambda: self.looks >= seen + 2)


def test_who_could_not_look_for_long_gives_the_living_time_to_renew(silent, database, jobs, rescuing, monkeypatch):
    """The database was away, or this machine asleep: all heartbeats are old."""
    monkeypatch.setattr(rescuer, "LOOK_S", 0.01)
    lease.renew(database, silent.owner.server, "active")
    clock = Clock()
    with rescuing(clock):
        clock.go(0)
        clock.go(RENEW_S + 1)
        silence(database, silent.owner.server, 60)
        clock.go(GRACE_S / 2 - 1)
        clock.go(GRACE_S / 2)
        assert jobs()[0]["state"] == State.RUNNING
        clock.go(2)
        until(lambda: jobs()[0]["state"] == State.READY)


def test_a_clock_that_is_put_back_an_hour_while_it_holds_its_judgement_does_not_hold_it_for_an_hour(
    silent, database, jobs, rescuing, monkeypatch
):
    monkeypatch.setattr(rescuer, "LOOK_S", 0.01)
    lease.renew(database, silent.owner.server, "active")
    clock = Clock()
    with rescuing(clock):
        clock.go(RENEW_S + 1)
        clock.go(-3600)
        silence(database, silent.owner.server, 60)
        for _ in range(3):
            clock.go(GRACE_S / 3 + 0.1)
        until(lambda: jobs()[0]["state"] == State.READY)
