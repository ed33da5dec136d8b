"""`tandem locks`: who holds each lock, and who waits."""

import json
import os
import socket
import threading

import pytest

from django_tandem import lock
from django_tandem.queue import lock_holders
from tests.waiting import until


def test_where_none_is_held_it_says_so(tandem, database):
    assert tandem("locks", "list") == (0, "no lock is held\n", "")
    assert json.loads(tandem("locks", "list", "--json").stdout) == []


@pytest.fixture
def wanted(database, monkeypatch):
    """The lock "month [end]" is held here, and a thread waits for it."""
    monkeypatch.setenv("TANDEM_ROLE", "async")

    def wait():
        with lock("month [end]"):
            pass

    thread = threading.Thread(target=wait)
    with lock("month [end]") as held:
        held.check()
        thread.start()
        until(lambda: lock_holders.listed()[0].waiting)
        yield held
    thread.join(20)
    assert not thread.is_alive()


def test_who_holds_one_and_who_waits(tandem, wanted, monkeypatch):
    monkeypatch.delenv("TANDEM_ROLE")
    (facts,) = until(lambda: _with_waiter(json.loads(tandem("locks", "list", "--json").stdout)))
    who = {"host": socket.gethostname(), "process": os.getpid(), "role": "async"}
    assert facts["holder"] == {**who, "since": wanted.since.isoformat()}
    assert [{**one, "since": ""} for one in facts["waiting"]] == [{**who, "since": ""}]
    head, _, holds, waits = until(lambda: _four([line.split() for line in _lines(tandem("locks", "list").stdout)]))
    assert head == ["lock", "role", "host", "process", "since"]
    words = ["month", "[end]", "held", "async", socket.gethostname(), str(os.getpid())]
    assert holds[:6] == words
    assert waits[:6] == [*words[:2], "waits", *words[3:]]


def _lines(text):
    return [line for line in text.splitlines() if line.strip()]


def _with_waiter(facts):
    """Who waits is not seen between two turns."""
    return facts if facts[0]["waiting"] else []


def _four(lines):
    return lines if len(lines) == 4 else []
