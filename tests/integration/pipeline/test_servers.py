"""What runs, whoever started it: seen, judged, ended and proven gone; and what is kept of releases."""

import os
import signal
import socket
import subprocess

import psutil
import pytest

from django_tandem.release.hosts import talk
from django_tandem.release.hosts.places import Places
from tests import office as offices
from tests.integration.pipeline.shop import Shop
from tests.integration.pipeline.test_retention import artifact
from tests.integration.serve.servers import Server, lives
from tests.office import Office
from tests.waiting import until

pytestmark = pytest.mark.long

HERE = socket.gethostname()


@pytest.fixture(scope="module")
def shop(tmp_path_factory, office_template):
    """One whose first release is live."""
    name = f"servers_{os.getpid()}"
    one = Shop(tmp_path_factory.mktemp("shop") / "office", offices.make_database(name, office_template))
    one.edit("[pipeline]", "[pipeline]\nretain = 1")
    one.first = one.repository.commit("keep one")
    old = artifact(Places(one.folder / ".tandem"), "0" * 40)
    one.query("INSERT INTO tandem_release (digest, release, commit, manifest) VALUES (%s, %s, %s, '{}')", *old)
    assert one.ship()["state"] == "live"
    yield one
    one.close()
    offices.drop_database(name)


@pytest.fixture
def elsewhere(shop, tmp_path):
    """An old copy of the project in another folder, on the same database."""
    one = Office(tmp_path / "old", shop.database_url)
    yield one
    one.close()


def test_what_is_beyond_retain_was_removed_when_the_run_had_ended(shop):
    states = {one["release"]: one["state"] for one in shop.json("release", "list")}
    assert states == {shop.live(): "live", "0" * 12: "removed"}
    assert len(list((shop.folder / ".tandem" / "artifacts").iterdir())) == 1


def verdicts(office):
    return {(one["role"], one["release"]): one["verdict"] for one in office.json("servers", "list")}


def test_a_server_of_an_old_release_that_was_started_by_hand_is_an_orphan_until_it_is_stopped(shop, elsewhere):
    live = shop.live()
    old = Server(elsewhere, "async", elsewhere.health_port, TANDEM_RELEASE="old").ready()
    until(lambda: verdicts(shop).get(("async", "old")) == "orphan")
    assert verdicts(shop) == {("async", live): "live", ("backoffice", live): "live", ("async", "old"): "orphan"}
    ours = {one["role"]: one for one in shop.json("servers", "list") if one["release"] == live}
    assert {one["kept_by"] for one in ours.values()} == {"agent"}
    (orphan,) = shop.json("status")["orphans"]
    name = f"{HERE}:{old.pid}"
    assert (orphan["server"], orphan["todo"]) == (name, f"tandem servers stop {name}")
    assert set(old.children()) < set(orphan["processes"])
    assert (
        f"orphan  async of old ({name}): {live} is live, and no open run is about old" in shop.tandem("status").stdout
    )

    alone = shop.tandem("servers", "prove")
    assert alone.returncode == 1
    assert f"tandem: async of old ({name}) lives" in alone.stderr
    refused = shop.tandem("servers", "stop", str(ours["async"]["pid"]))
    assert (refused.returncode, "say --live" in refused.stderr) == (3, True)
    assert shop.tandem("servers", "stop", "1").returncode == 2

    done = shop.json("servers", "stop", name)
    assert done == {"ended": [name], "left": []}
    assert old.running.wait() == 0
    assert old.running.nothing_is_left()
    assert shop.json("servers", "prove") == {"live": live, "alone": True, "others": []}
    assert shop.releases() == [live] * 2


def test_one_that_is_frozen_is_seen_though_its_row_says_that_it_stopped_and_is_killed(shop, elsewhere):
    frozen = Server(elsewhere, "async", elsewhere.health_port, TANDEM_RELEASE="old").ready()
    frozen.freeze()
    frozen.lose_heartbeat()
    until(lambda: frozen.state == "stopped")  # the live server's rescuer
    (orphan,) = [one for one in shop.json("servers", "list") if one["release"] == "old"]
    assert (orphan["verdict"], orphan["state"]) == ("orphan", "stopped")
    assert "and lives" in orphan["why"]
    assert shop.json("servers", "stop", "--orphans")["ended"] == [orphan["server"]]
    assert frozen.running.wait() == -signal.SIGKILL
    assert frozen.running.nothing_is_left()
    assert shop.tandem("servers", "prove").returncode == 0


def test_a_process_id_that_was_given_to_a_stranger_is_left_alone_and_another_host_s_server_is_named(shop):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        insert = (
            "INSERT INTO tandem_server (role, host, pid, release, config_digest, state, heartbeat_at) "
            "VALUES ('async', %s, %s, 'old', 'd', 'standby', now() + interval '1 hour')"
        )
        shop.query(insert, HERE, stranger.pid)
        assert shop.json("servers", "stop", str(stranger.pid)) == {"ended": [], "left": []}
        assert stranger.poll() is None
        shop.query(insert, "h2", 7)
        refused = shop.tandem("servers", "stop", "h2:7")
        assert refused.returncode == 3
        assert "on h2: tandem servers stop h2:7" in refused.stderr
        left = shop.tandem("servers", "stop", "--orphans")
        assert (left.returncode, "on h2: tandem servers stop h2:7" in left.stderr) == (1, True)
        retired = shop.tandem("release", "retire", "old")
        assert (retired.returncode, "h2" in retired.stderr) == (1, True)
    finally:
        shop.query("UPDATE tandem_server SET state = 'stopped' WHERE release = 'old'")
        stranger.kill()
        stranger.wait()


def test_after_the_agent_was_killed_the_live_servers_are_started_once(shop):
    live = shop.live()
    root = shop.folder / ".tandem"
    agent = talk.tell(root, "servers", within_s=10)["pid"]
    servers = [psutil.Process(one["pid"]) for one in shop.servers()]
    os.kill(agent, signal.SIGKILL)
    until(lambda: not any(lives(one) for one in servers), 60)
    assert "role async has no active server" in shop.json("release", "current")["differs"]
    started = shop.json("servers", "start")
    assert {(one["role"], one["started"]) for one in started} == {("backoffice", True), ("async", True)}
    assert shop.releases() == [live] * 2
    assert shop.json("release", "current")["differs"] == []
    # What is live is ended only where that is said; then its agent does not start it again.
    (old,) = [f"{HERE}:{one['pid']}" for one in started if one["role"] == "async"]
    assert shop.json("servers", "drain", old, "--live")["ended"] == [old]
    assert [one["role"] for one in shop.servers()] == ["backoffice"]
    again = shop.json("servers", "start")
    assert {(one["role"], one["started"]) for one in again} == {("backoffice", False), ("async", True)}
    # All of it: nothing is left that would start anything again.
    assert len(shop.json("servers", "stop", "--all")["ended"]) == 2
    assert (talk.is_there(root), shop.processes(live), shop.json("servers", "list")) == (False, [], [])
    assert shop.json("servers", "stop", "--all") == {"ended": [], "left": []}
