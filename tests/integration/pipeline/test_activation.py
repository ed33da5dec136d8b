"""Releases that are deployed by other means: servers started by hand, and the fence moved with a pipeline's proofs."""

import signal
import socket

import pytest

from tests.integration.serve.servers import Server
from tests.office import Office
from tests.waiting import until

pytestmark = pytest.mark.long

HERE = socket.gethostname()


@pytest.fixture
def deploy(office, tmp_path):
    """Start servers of a release, in a folder of its own, as somebody else's script would."""
    copies = {"r1": office}

    def deploy(release, *roles):
        if release not in copies:
            copies[release] = Office(tmp_path / release, office.database_url)
        copy = copies[release]
        ports = {"backoffice": copy.port, "async": copy.health_port}
        return [Server(copy, role, ports[role], TANDEM_RELEASE=release).ready() for role in roles]

    yield deploy
    for one in copies.values():
        one.close()


def fence(office):
    return office.query("SELECT release, epoch FROM tandem_fence")[0]


def test_a_release_of_a_script_becomes_live_with_the_proofs_of_the_pipeline_and_the_old_one_is_retired(office, deploy):
    old = deploy("r1", "backoffice", "async")
    until(lambda: [one.state for one in old] == ["active"] * 2)
    before = fence(office)
    assert before[0] == "r1"

    # Not wholly there: refused, and nothing has changed but the record.
    new = deploy("r2", "async")
    refused = office.tandem("release", "activate", "r2")
    assert refused.returncode == 3, refused.stderr
    assert "r2 is not ready: no server of role backoffice sends a heartbeat" in refused.stderr
    assert fence(office) == before
    assert [one.state for one in old] == ["active"] * 2

    # While another drives: refused, and there is no record.
    office.query("UPDATE tandem_lock SET owner = 'x', host = 'h2', machine = 'm', pid = 1, heartbeat_at = now()")
    refused = office.tandem("release", "activate", "r2")
    assert (refused.returncode, "held by process 1 on h2" in refused.stderr) == (3, True)
    assert office.tandem("release", "retire", "r2").returncode == 3
    office.query("UPDATE tandem_lock SET owner = NULL, host = NULL, machine = NULL, pid = NULL")

    # The script's order: activate waits until the servers that are being started stand by. One that is killed is
    # replaced by another, which goes on with its run.
    words = ("release", "activate", "r2", "--wait", "60", "--json")
    killed = office.start(*words)
    until(lambda: office.query("SELECT 1 FROM tandem_run WHERE ended_at IS NULL AND state = 'forking'"), 40)
    killed.send(signal.SIGKILL)
    killed.wait()
    waiting = office.start(*words)
    new += deploy("r2", "backoffice")
    assert waiting.wait() == 0, waiting.output
    waiting.says(r'"state": "live".*"epoch": \d+, "switch_ms": [\d.]+, "servers": \["async')
    assert fence(office) == ("r2", before[1] + 1)
    assert [one.state for one in new] == ["active"] * 2
    until(lambda: [one.state for one in old] == ["standby"] * 2)
    runs = office.query("SELECT kind, commit, state, begun_by <> '', begun_via, id FROM tandem_run ORDER BY id")
    assert [run[:4] for run in runs] == [("activate", "r2", "failed", True), ("activate", "r2", "live", True)]
    assert runs[0][4].startswith("command line on ")
    assert office.query("SELECT owner FROM tandem_lock") == [(None,)]
    assert "activate r2" in office.tandem("pipeline", "show", str(runs[1][5])).stdout

    current = office.json("release", "current")
    assert (current["release"], current["built"], len(current["servers"])) == ("r2", False, 2)
    assert {text.partition(" (")[0] for text in current["differs"]} == {"async of r1", "backoffice of r1"}
    assert [one["state"] for one in office.json("release", "list")] == ["live"]
    assert office.tandem("release", "retire", "r2").returncode == 3
    retired = office.json("release", "retire", "r1")
    assert set(retired["ended"]) == {f"{HERE}:{one.pid}" for one in old}
    assert all(one.running.nothing_is_left() for one in old)
    assert office.json("release", "current")["differs"] == []
    assert "nothing of r1 runs" in office.tandem("release", "retire", "r1").stdout

    # A server that does not hear of the switch: back, to the servers that still run.
    frozen, _ = deploy("r3", "async", "backoffice")
    frozen.freeze()
    failed = office.tandem("release", "activate", "r3", "--timeout", "1")
    assert failed.returncode == 1
    assert "rolled back: not active after 1 s: async" in failed.stderr
    assert fence(office) == ("r2", before[1] + 3)
    until(lambda: [one.state for one in new] == ["active"] * 2)


def test_the_server_of_a_role_that_the_configuration_no_longer_has_is_an_orphan(office):
    office.append('\n[roles.reports]\nkind = "async"\nqueues = ["reports"]\nhealth = "127.0.0.1:0"\n')
    running = office.start("serve", "reports")
    until(lambda: office.query("SELECT 1 FROM tandem_server WHERE state = 'active'"), 60)
    assert office.json("status")["orphans"] == []
    text = (office.folder / "tandem.toml").read_text()
    (office.folder / "tandem.toml").write_text(text[: text.index("[roles.reports]")])
    (orphan,) = office.json("status")["orphans"]
    assert (orphan["role"], orphan["why"]) == ("reports", "there is no role reports any more")
    assert office.json("servers", "stop", "--orphans")["ended"] == [orphan["server"]]
    assert running.wait() == 0
