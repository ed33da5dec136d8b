"""Whole servers die or freeze in the middle of jobs; others take their jobs, and nothing is finished twice."""

import signal
import threading

import pytest
from django.db import connections

from django_tandem.queue import rescuer
from tests.waiting import until

SUCCESSFUL = 3


def test_the_jobs_of_a_server_whose_supervisor_is_killed_go_back_at_once(work, async_server):
    first = async_server()
    held = [work.hold("abcd"[number]) for number in range(4)]
    for line in "abcd":
        work.begun(line)
    waiting = work.write("waits")
    first.kill()
    until(lambda: first.state == "stopped", 3)
    until(first.running.nothing_is_left)
    assert work.unfinished()[:4] == [(id_, 1, 1, None) for id_ in held]
    assert [(id_, state) for id_, state, *_ in work.unfinished()][4:] == [(waiting, 1)]

    second = async_server()
    work.open()
    results = work.finished(5)
    assert results[:4] == [(id_, SUCCESSFUL, 2, second.id) for id_ in held]
    assert [(id_, state, server) for id_, state, _, server in results][4:] == [(waiting, SUCCESSFUL, second.id)]


def test_a_host_that_dies_is_noticed_by_its_heartbeat(office, work, async_server):
    first, second = async_server(), async_server()
    held = [work.hold("abcdefgh"[number]) for number in range(8)]
    for line in "abcdefgh":
        work.begun(line)
    of_first = [id_ for id_, _, _, server in work.unfinished() if server == first.id]
    assert len(of_first) == 4
    first.freeze(signal.SIGKILL)
    first.running.process.wait()
    assert first.state == "active"
    assert len([1 for _, _, _, server in work.unfinished() if server == first.id]) == 4

    first.lose_heartbeat()
    until(lambda: first.state == "stopped")
    work.open()
    results = work.finished(8)
    assert [id_ for id_, *_ in results] == held
    assert {(attempt, server) for id_, _, attempt, server in results if id_ in of_first} == {(2, second.id)}
    assert {(state, server) for _, state, _, server in results} == {(SUCCESSFUL, second.id)}
    second.running.says(r"server \d+ \(async on .*\) is silent: its jobs go to others")


def test_a_frozen_server_that_wakes_finishes_nothing_twice(office, work, async_server):
    first = async_server()
    held = [work.hold("ab"[number]) for number in range(2)]
    pids = {work.begun("a"), work.begun("b")}
    first.freeze()
    second = async_server()
    first.lose_heartbeat()
    until(lambda: first.state == "stopped")
    assert not {work.begun("a", times=2), work.begun("b", times=2)} & pids

    # Both have the jobs in hand now, and the one that woke may be first to end them.
    work.open()
    first.freeze(signal.SIGCONT)
    assert work.finished(2) == [(id_, SUCCESSFUL, 2, second.id) for id_ in held]
    for line in "ab":
        until(lambda line=line: len(work.lines("end", line)) == 2)
    for id_ in held:
        first.running.says(rf"job {id_} \(office.tasks.write_until, attempt 1\): lease lost, its outcome is dropped")
    assert len(work.results()) == 2

    # It is a server again, with a lease.
    until(lambda: first.state == "active")
    assert first.is_ready()
    assert first.running.stop() == 0


class Clock:
    """The time as the test says it."""

    def __init__(self):
        self.now, self.asked = 1000.0, 0

    def __call__(self):
        self.asked += 1
        return self.now

    def set(self, now):
        """Go to `now`, and wait until whoever has this clock has made a whole turn by it."""
        self.now, asked = now, self.asked
        until(lambda: self.asked >= asked + 2)


@pytest.mark.django_db(transaction=True)
def test_who_could_not_look_for_long_lets_the_living_renew_first(monkeypatch):
    """After a time without the database, or a machine's sleep, all servers have been silent."""
    monkeypatch.setattr(rescuer, "LOOK_S", 0.01)
    clock, stop = Clock(), threading.Event()
    thread = threading.Thread(target=rescuer.run, args=("default", stop, clock))
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM tandem_server")
        thread.start()
        try:
            clock.set(1004)
            clock.set(1010)
            cursor.execute(
                "INSERT INTO tandem_server (role, host, pid, release, config_digest, state, heartbeat_at)"
                " VALUES ('async', 'here', 1, 'r1', '', 'active', now() - interval '1 minute') RETURNING id"
            )
            (server,) = cursor.fetchone()
            clock.set(1014)
            clock.set(1018)
            cursor.execute("SELECT state FROM tandem_server WHERE id = %s", [server])
            assert cursor.fetchone() == ("active",)
            clock.set(1020)
            cursor.execute("SELECT state FROM tandem_server WHERE id = %s", [server])
            assert cursor.fetchone() == ("stopped",)
        finally:
            stop.set()
            thread.join()
