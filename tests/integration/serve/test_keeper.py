"""The keeper is frozen and killed; what it keeps goes on."""

import os
import signal
import time

import psutil

from tests.waiting import until

SUCCESSFUL = 3


def test_a_killed_keeper_is_replaced_and_the_health_port_stays(office, work, async_server):
    server = async_server()
    workers, keeper = server.workers(), server.keeper()
    ((before,),) = office.query("SELECT clock_timestamp()")
    os.kill(keeper, signal.SIGKILL)
    assert server.ask("/-/live") == (200, {"live": True})  # who asks meanwhile waits for the next one
    until(lambda: server.keeper() not in (keeper, None))
    assert server.is_ready()
    assert server.workers() == workers

    # What it keeps is kept again: what is scheduled becomes ready, the jobs of the dead go back, the lease is renewed.
    later = work.write("later", after_s=0.5)
    office.query(
        "INSERT INTO tandem_server (role, host, pid, release, config_digest, state, heartbeat_at)"
        " VALUES ('async', 'elsewhere', 1, 'r1', '', 'active', now() - interval '1 minute')"
    )
    assert work.finished(1) == [(later, SUCCESSFUL, 1, server.id)]
    until(lambda: office.query("SELECT state FROM tandem_server WHERE host = 'elsewhere'") == [("stopped",)])
    assert office.query("SELECT heartbeat_at > %s FROM tandem_server WHERE id = %s", before, server.id) == [(True,)]
    assert server.running.stop() == 0
    assert server.running.nothing_is_left()


def test_a_worker_that_died_while_no_keeper_listened_is_not_forgotten(work, async_server):
    server = async_server()
    job = work.hold("a")
    first, keeper = work.begun("a"), server.keeper()
    os.kill(keeper, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(first))
    os.kill(keeper, signal.SIGKILL)
    killed_at = time.monotonic()
    work.begun("a", times=2)
    assert time.monotonic() - killed_at < 3  # the promise is 1 s, the machine may be busy
    work.open()
    assert [result[:3] for result in work.finished(1)] == [(job, SUCCESSFUL, 2)]


def test_a_server_whose_keeper_dies_while_it_drains_ends_all_the_same(work, async_server):
    server = async_server()
    job = work.hold("a")
    work.begun("a")
    keeper = server.keeper()
    server.running.send(signal.SIGTERM)
    until(lambda: server.state == "draining")
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(keeper))
    work.open()
    assert server.running.wait() == 0
    assert work.results() == [(job, SUCCESSFUL, 1, server.id)]
    assert server.state == "stopped"


def test_the_keeper_of_a_back_office_keeps_its_row_and_tells_what_is_wrong(office, back_office):
    server = back_office()
    office.query("ALTER TABLE tandem_fence RENAME TO elsewhere")
    until(lambda: server.ask("/-/ready")[0] == 503)
    assert server.ask("/-/ready")[1] == {
        "ready": False,
        "state": "active",
        "reason": "Tandem's tables are missing: run the migrations",
    }
    assert server.ask("/")[0] == 200
    office.query("ALTER TABLE elsewhere RENAME TO tandem_fence")
    until(server.is_ready)

    # The fence of an older release, then nobody's: who is first takes it.
    office.query("UPDATE tandem_fence SET release = 'r0'")
    until(lambda: server.state == "standby")
    assert server.ask("/-/ready") == (200, {"ready": True, "state": "standby"})
    office.query("UPDATE tandem_fence SET release = NULL")
    until(lambda: server.state == "active")
    assert office.query("SELECT release, epoch FROM tandem_fence") == [("r1", 2)]
