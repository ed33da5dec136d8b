"""The harness of benchmarks.peers with small systems of our own; no network, no peer is needed."""

import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from benchmarks.peers import peer, rounds, tables
from benchmarks.peers.__main__ import main
from benchmarks.peers.catalog import CATALOG, Entry
from benchmarks.peers.environment import PINS, Environment
from benchmarks.peers.measure import FIGURES, Work
from benchmarks.peers.subjects import InstalledPeer
from tests.waiting import until

MACHINE = {
    "date": "2026-01-01",
    "cores": 2,
    "server_version": "18",
    "fsync": "on",
    "synchronous_commit": "on",
    "redis_version": None,
    "python_version": "3.12",
    "rounds": 2,
}


def entry(module, packages=(), backlog_jobs=3_000):
    return Entry(
        name=module.rpartition(".")[2],
        module=module,
        packages=packages,
        broker="postgresql",
        backlog_jobs=backlog_jobs,
        setup="2 processes",
        durable=False,
        note="a job is deleted when it is taken",
        urgent="priority",
    )


class Files:
    """Instead of a server: a new file for each queue."""

    def __init__(self, folder):
        self.folder, self.made = folder, []

    def fresh(self, name):
        self.made.append(str(self.folder / f"{name}-{len(self.made)}.sqlite"))
        return self.made[-1]

    def settle(self, address):
        assert Path(address).exists()


class Here(Environment):
    """Instead of an environment of the peers: this one."""

    def __init__(self):
        self.python = sys.executable

    def versions(self):
        return {}


@pytest.fixture
def subject(tmp_path):
    """A subject of a module; afterwards none of its processes is left."""
    files = Files(tmp_path)

    def make(one):
        return InstalledPeer(one, Here(), files, tmp_path, Work(drain_s=0.2, enqueue_s=0.2, pickups=5, urgent=3))

    yield make
    assert files.made
    until(lambda: not [process for process in psutil.process_iter() if address_of(process) in files.made])


def address_of(process):
    try:
        return process.environ().get("TANDEM_PEERS_ADDRESS")
    except psutil.Error:
        return None


def test_a_system_is_measured_by_rounds(subject):
    said = []
    systems, missing = rounds.take([subject(entry("tests.peers.system"))], 2, said.append)
    found = systems["system"]
    assert missing == {}
    assert found["reasons"] == {}
    assert all(found[figure] > 0 for figure in FIGURES), found
    assert found["drain_jobs"] >= 500
    assert found["urgent_p99_ms"] < 3_000 * 5 / 2, "urgent jobs waited for the backlog"
    assert len(said) == 2 * len(FIGURES)
    rows = tables.as_markdown(systems, missing, MACHINE).splitlines()
    assert [row.split(" | ")[0] for row in rows if row.startswith("| system ")] == ["| system"] * 4


def test_a_backlog_that_did_not_last_gives_no_figure(subject):
    with pytest.raises(peer.Failed, match=r"the backlog of 1 did not last"):
        subject(entry("tests.peers.system", backlog_jobs=1)).take("urgent_p99_ms")


def test_a_figure_whose_workers_ended_is_null_and_says_why(subject):
    systems, missing = rounds.take([subject(entry("tests.peers.no_worker"))], 2, print)
    found = systems["no_worker"]
    assert missing == {}
    assert found["enqueue_per_s"] > 0
    assert [found[figure] for figure in FIGURES if figure != "enqueue_per_s"] == [None] * 3
    assert found["reasons"]["drain_per_s"] == "a worker ended with 1: no worker today"


def test_a_system_that_hangs_is_missing(subject, monkeypatch):
    monkeypatch.setattr(peer, "ANSWER_S", 0.5)
    systems, missing = rounds.take([subject(entry("tests.peers.hangs"))], 1, print)
    assert systems == {}
    assert missing == {"hangs": "prepare: no answer within 0.5 s"}


def test_a_peer_that_cannot_be_installed_is_missing(tmp_path):
    nowhere = f"nowhere @ {(tmp_path / 'nowhere').as_uri()}"
    with ExitStack() as running:
        subjects, missing = rounds.install(
            [entry("tests.peers.system", packages=(nowhere,))], Environment(tmp_path / "peers"), "", tmp_path, running
        )
    assert subjects == []
    assert set(missing) == {"system"}
    assert "Distribution not found" in missing["system"] or "is not installed: make setup" in missing["system"]


def test_without_redis_its_systems_are_missing_and_others_not(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(Environment, "install", lambda _self, _packages: None)
    with ExitStack() as running:
        subjects, missing = rounds.install(CATALOG, Environment(tmp_path / "peers"), "", tmp_path, running)
    assert {one.name for one in subjects} == {one.name for one in CATALOG if one.broker == "postgresql"}
    assert set(missing) == {one.name for one in CATALOG if one.broker == "redis"}
    assert all("redis-server is not installed" in why for why in missing.values())


def test_each_package_of_a_peer_is_pinned():
    pinned = {line.partition("==")[0] for line in PINS.read_text().splitlines()}
    assert {package.partition("[")[0] for one in CATALOG for package in one.packages} <= pinned


def test_an_unknown_name_is_refused_with_those_that_are_known():
    refused = CliRunner().invoke(main, ["--only", "tandem,celry"])
    assert refused.exit_code == 2
    assert "celry: expected some of tandem,celery" in refused.output
