"""What a worker noted reaches its keeper once, whoever of them is away or ends meanwhile."""

import os
import signal
import threading

import pytest

from django_tandem.monitor import sums, teller
from django_tandem.monitor.channel import Channel
from django_tandem.monitor.facts import merge
from django_tandem.monitor.teller import Teller


@pytest.fixture
def channel():
    one = Channel()
    yield one
    one.close()


def request(view):
    return (view, 200, 0.01, None, 0.0)


def heard(channel):
    return merge(channel.receive()).get("pages", {"count": 0, "views": {}})


def test_all_that_threads_note_is_told_once(channel):
    one = Teller(channel, "pages", sums.of_requests)
    one.begin()
    threads = [threading.Thread(target=lambda: [one.note(request(f"v{n % 7}")) for n in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    counted = 0
    while any(thread.is_alive() for thread in threads):
        assert one.tell()
        counted += heard(channel)["count"]
    one.end()
    assert counted + heard(channel)["count"] == 8000
    one.end()
    assert list(channel.receive()) == []


def test_what_finds_no_room_is_kept_in_bounds_and_told_when_there_is_some(channel):
    one = Teller(channel, "pages", sums.of_requests)
    told = 0
    while True:
        for number in range(300):
            one.append(request(f"a view with a name of some length {number}"))
        told += 300
        if not one.tell():
            break
    one.append(request("a view with a name of some length 7"))
    assert not one.tell()
    counted, views = 0, set()
    while True:
        found = heard(channel)
        if not one.tell() or found["count"]:
            counted += found["count"]
            views |= set(found["views"])
            continue
        break
    assert counted == told + 1
    assert len(views) > sums.MOST_NAMES / 2


def test_at_its_end_it_does_not_wait_for_a_keeper_that_never_comes(channel, monkeypatch):
    monkeypatch.setattr(teller, "LAST_S", 0.05)
    one = Teller(channel, "pages", sums.of_requests)
    while channel.send(b"{}" + b" " * 10_000):
        pass
    one.append(request("a"))
    one.end()


def test_a_writer_that_is_killed_leaves_nothing_half_said_and_claims_are_told_too(channel):
    pid = os.fork()
    if pid == 0:
        one = Teller(channel, "tasks", sums.of_jobs)
        one.claimed(5)
        one.end()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert channel.wait(5)
    assert merge(channel.receive())["tasks"]["claims"] == 5
