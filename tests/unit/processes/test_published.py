"""What is published is read whole or not at all, by all processes."""

import os
import signal

import pytest

from django_tandem.processes import published
from django_tandem.processes.published import Published
from tests.waiting import until


def in_child(body):
    """Run `body` in a forked child, to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_what_a_child_publishes_its_parent_reads():
    one = Published(100)
    assert one.read() is None
    in_child(lambda: one.publish(b"from a child"))
    assert one.read() == b"from a child"
    one.publish(b"")
    assert one.read() == b""


def test_what_is_too_long_is_refused_and_what_was_there_stays():
    one = Published(3)
    one.publish(b"abc")
    with pytest.raises(ValueError, match=r"4 bytes, expected at most 3"):
        one.publish(b"abcd")
    assert one.read() == b"abc"


def test_nothing_is_read_in_parts():
    one = Published(200_000)
    pid = os.fork()
    if pid == 0:
        try:
            for number in range(100_000):
                one.publish(bytes([65 + number % 26]) * (1000 * (number % 200)))
        finally:
            os._exit(0)
    whole = []

    def are_enough():
        if content := one.read():
            whole.append(content)
        return len(whole) > 20

    try:
        until(are_enough, 30)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert all(len(set(content)) == 1 and len(content) % 1000 == 0 for content in whole)


def test_after_a_writer_was_killed_amid_a_change_the_next_one_is_read(monkeypatch):
    monkeypatch.setattr(published, "LOOK_AGAIN_S", 0)
    one = Published(100)
    one.publish(b"before")
    published._HEAD.pack_into(one._memory, 0, 3, 0, 0)  # as it stands while something is written
    assert one.read() is None
    one.publish(b"after")
    assert one.read() == b"after"
