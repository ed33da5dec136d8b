"""The agent of a host: addresses that stay while releases change, servers that are started, replaced and stopped."""

import json
import os
import signal
import sys
import threading
import time

import psutil
import pytest

from django_tandem.errors import HostFailed
from django_tandem.processes import ask
from django_tandem.release.hosts import talk
from django_tandem.release.hosts.places import Places
from tests.clients import Clients
from tests.integration.serve.work import Work
from tests.waiting import until

READY_S = 60


@pytest.fixture
def root(office):
    """The root of a host that runs the office."""
    made = office.folder / ".tandem"
    made.mkdir()
    yield made
    if talk.is_there(made):
        pid = talk.tell(made, "servers", within_s=10)["pid"]
        talk.tell(made, "end", within_s=10)
        until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 40)


@pytest.fixture
def host(office, root):
    return Host(office, root)


class Host:
    """What a driver tells the agent."""

    def __init__(self, office, root):
        self.office, self.root = office, root

    def tell(self, verb, **facts):
        return talk.tell(self.root, verb, within_s=60, **facts)

    def start(self, role, release, **changes):
        """Start a server on standby, and wait until it is ready."""
        port = self.office.port if role == "backoffice" else self.office.health_port
        facts = {
            "role": role,
            "release": release,
            "address": f"127.0.0.1:{port}",
            "words": [sys.executable, "-m", "django_tandem", "serve", role],
            "environment": {**self.office.variables(), "TANDEM_RELEASE": release},
            "folder": str(self.office.folder),
            "drain_s": 10,
        }
        told = self.tell("start", **{**facts, **changes})
        until(lambda: self.ask(told, "/-/ready")[0] == 200, READY_S)
        return told

    def ask(self, told, path):
        answer = ask.get(f"unix:{told['ask_at']}", path)
        return (answer.status, json.loads(answer.body)) if answer else (None, None)

    def state(self, told):
        return self.ask(told, "/-/ready")[1]["state"]

    def activate(self, release):
        self.office.query("UPDATE tandem_fence SET release = %s, epoch = epoch + 1", release)
        self.office.query("SELECT pg_notify('tandem_fence', %s)", release)


def workers_of(told):
    return {one.pid for one in psutil.Process(told["pid"]).children(recursive=True)}


def test_a_release_takes_an_address_over_and_no_request_is_lost(office, host):
    first = host.start("backoffice", "r1")
    assert host.state(first) == "standby"  # it does not take the fence of itself
    host.activate("r1")
    until(lambda: office.answers("/"))
    with Clients(office, 8) as clients:
        second = host.start("backoffice", "r2")
        asked = len(clients.statuses)
        until(lambda: len(clients.statuses) > asked + 50)
        assert set(clients.pids) <= workers_of(first)  # the new one stands by
        moved_at = time.monotonic()
        host.activate("r2")
        until(lambda: set(clients.pids) & workers_of(second))
        assert time.monotonic() - moved_at < 5
        assert host.tell("stop", role="backoffice", release="r1", drain_s=10) == {"stopped": True}
        asked = len(clients.statuses)
        until(lambda: len(clients.statuses) > asked + 50)
        assert set(clients.pids[asked + 20 :]) <= workers_of(second)
    assert set(clients.statuses) == {200}
    assert not psutil.pid_exists(first["pid"])
    (left,) = host.tell("servers")["servers"]
    assert left["release"] == "r2"


def test_a_release_takes_over_the_work(office, host):
    work = Work(office)
    first = host.start("async", "r1")
    job = work.write("before")
    assert host.state(first) == "standby"
    assert work.unfinished() == [(job, 1, 0, None)]
    host.activate("r1")
    assert len(work.finished(1)) == 1
    assert office.answers("/-/ready", office.health_port)

    second = host.start("async", "r2")
    work.hold("across")
    work.begun("across")
    host.activate("r2")
    work.write("after")
    until(lambda: work.lines("after"))
    ids = dict(office.query("SELECT release, id FROM tandem_server"))
    assert [row[3] for row in work.results()] == [ids["r1"], ids["r2"]]
    work.open()
    host.tell("stop", role="async", release="r1", drain_s=10)
    assert len(work.finished(3)) == 3
    assert {row[2] for row in work.results()} == {1}
    assert host.state(second) == "active"
    until(lambda: office.answers("/-/ready", office.health_port))


def test_a_server_that_dies_is_started_again(office, host):
    first = host.start("backoffice", "r1")
    host.activate("r1")
    until(lambda: office.answers("/"))
    os.kill(first["pid"], signal.SIGKILL)
    again = until(lambda: [one for one in host.tell("servers")["servers"] if one["pid"] not in (None, first["pid"])])
    until(lambda: office.answers("/"), READY_S)
    assert again[0]["deaths"] == 1


def test_a_server_that_ignores_term_is_ended(office, host):
    told = host.start("async", "r1")
    os.kill(told["pid"], signal.SIGSTOP)
    work = [psutil.Process(pid) for pid in workers_of(told)]
    host.tell("stop", role="async", release="r1", drain_s=1)
    assert not psutil.pid_exists(told["pid"])
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in work))


def test_when_the_agent_is_killed_its_servers_end_and_another_takes_its_place(office, host, root):
    told = host.start("async", "r1")
    agent = host.tell("servers")["pid"]
    family = [psutil.Process(told["pid"]), *psutil.Process(told["pid"]).children(recursive=True)]
    os.kill(agent, signal.SIGKILL)
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family), 30)
    assert host.tell("servers")["servers"] == []
    assert host.start("async", "r1")["pid"] != told["pid"]


def test_another_agent_waits_until_what_is_left_has_finished_its_work(office, host, root):
    work, told = Work(office), host.start("async", "r1")
    host.activate("r1")
    job = work.hold("long")
    work.begun("long")
    os.kill(host.tell("servers")["pid"], signal.SIGKILL)
    until(lambda: not talk.is_there(root))
    answers = []
    starting = threading.Thread(target=lambda: answers.append(host.start("async", "r1")))
    starting.start()
    log = Places(root).log / "agent.log"
    until(lambda: "async waits for 127.0.0.1" in log.read_text())
    assert starting.is_alive()
    assert psutil.pid_exists(told["pid"])
    work.open()
    starting.join(READY_S)
    assert [one["pid"] != told["pid"] for one in answers] == [True]
    assert [row[:2] for row in work.finished(1)] == [(job, 3)]


def test_a_server_that_an_agent_was_to_start_when_it_died_another_starts(host, root):
    first = talk.tell(root, "servers", within_s=10)["pid"]
    os.kill(first, signal.SIGSTOP)  # it takes the question, and never answers
    answers = []
    asking = threading.Thread(target=lambda: answers.append(host.start("async", "r1")))
    asking.start()
    until(lambda: sys._current_frames()[asking.ident].f_code.co_name == "readinto")  # it waits for the answer
    os.kill(first, signal.SIGKILL)
    asking.join(READY_S)
    assert len(answers) == 1
    assert talk.tell(root, "servers", within_s=10)["pid"] != first


def test_of_two_agents_one_lives(root):
    started = [threading.Thread(target=talk.tell, args=(root, "servers"), kwargs={"within_s": 10}) for _ in range(4)]
    for one in started:
        one.start()
    for one in started:
        one.join()
    pid = talk.tell(root, "servers", within_s=10)["pid"]
    agents = [
        one.pid
        for one in psutil.process_iter(["cmdline", "status"])
        if str(root) in (one.info["cmdline"] or []) and one.info["status"] != psutil.STATUS_ZOMBIE
    ]
    until(lambda: talk.is_there(root))
    assert pid in agents


def test_what_an_agent_cannot_do_is_said(office, host):
    office.start("serve", "backoffice")
    until(lambda: office.answers("/"), READY_S)
    with pytest.raises(HostFailed, match=r"roles\.backoffice: .* is taken"):
        host.start("backoffice", "r1")
    with pytest.raises(HostFailed, match=r"does not know 'fly'"):
        host.tell("fly")
    with pytest.raises(HostFailed, match="No such file"):
        host.tell(
            "start", role="x", release="r1", address=f"127.0.0.1:{office.health_port}", words=["/nowhere/python"],
            environment={}, folder=str(office.folder), drain_s=1,
        )  # fmt: skip


def test_only_its_own_user_reaches_an_agent(root):
    talk.tell(root, "servers", within_s=10)
    places = Places(root)
    assert places.run.stat().st_mode & 0o777 == 0o700
    assert places.agent.stat().st_mode & 0o077 == 0
