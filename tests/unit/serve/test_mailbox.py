import os
import time
from contextlib import suppress

import pytest

from django_tandem.serve.mailbox import REMEMBERED, SEND_TIMEOUT_S, Mailbox, Reader, WorkerDied


@pytest.fixture
def mailbox():
    one = Mailbox()
    yield one
    one._write.close()
    one.read.close()


def death(pid, *begun):
    return WorkerDied(pid=pid, begun=begun)


def test_deaths_are_heard_in_their_order_and_once(mailbox):
    reader = Reader(mailbox)
    mailbox.worker_died(death(1, 2**62, 7))
    mailbox.worker_died(death(2))
    assert reader.read() == [death(1, 2**62, 7), death(2)]
    assert reader.read() == []
    assert not reader.draining


def test_the_end_is_heard_among_deaths(mailbox):
    reader = Reader(mailbox)
    mailbox.worker_died(death(1))
    mailbox.draining()
    mailbox.worker_died(death(2))
    assert reader.read() == [death(1), death(2)]
    assert reader.draining


def test_a_word_that_arrives_in_two_pieces_is_one(mailbox):
    reader = Reader(mailbox)
    mailbox._write.sendall(b'{"pid": 5, "be')
    assert reader.read() == []
    mailbox._write.sendall(b'gun": [6]}\n')
    assert reader.read() == [death(5, 6)]


def test_the_next_keeper_hears_what_the_last_one_had_read_half_read_and_not_read(mailbox):
    first = Reader(mailbox)
    mailbox.worker_died(death(1, 10))
    assert first.read() == [death(1, 10)]
    mailbox.worker_died(death(2, 20))
    mailbox.read.recv(5)
    mailbox.draining()
    mailbox.keeper_died()

    second = Reader(mailbox)
    assert second.read() == [death(1, 10), death(2, 20)]
    assert second.draining
    mailbox.worker_died(death(3))
    assert second.read() == [death(3)]


def test_after_many_deaths_the_next_keeper_is_told_at_once(mailbox):
    keeper = Reader(mailbox)
    for number in range(REMEMBERED + 5):
        mailbox.worker_died(death(number, *range(100)))
        assert keeper.read() == [death(number, *range(100))]
    before = time.monotonic()
    mailbox.keeper_died()
    heard = Reader(mailbox).read()
    assert time.monotonic() - before < 1
    assert [one.pid for one in heard] == list(range(5, REMEMBERED + 5))


def test_a_keeper_that_does_not_read_holds_up_nobody_and_its_successor_hears_all(mailbox):
    fill(mailbox)
    before = time.monotonic()
    mailbox.worker_died(death(1, 2))
    assert time.monotonic() - before < 2
    mailbox.keeper_died()
    assert Reader(mailbox).read() == [death(1, 2)]


def fill(mailbox):
    """Put into the socket what it takes."""
    mailbox._write.setblocking(False)
    with suppress(BlockingIOError):
        while mailbox._write.send(b"x" * 65536):
            pass
    mailbox._write.settimeout(SEND_TIMEOUT_S)


def test_a_dead_worker_whose_process_id_a_living_one_has_is_forgotten(mailbox):
    for pid in (1, 2, 3):
        mailbox.worker_died(death(pid))
    mailbox.keeper_died(living={2, 9})
    assert Reader(mailbox).read() == [death(1), death(3)]


def test_what_is_told_while_no_keeper_lives_the_next_one_hears(mailbox):
    mailbox.keeper_died()
    mailbox.worker_died(death(1, 2))
    pid = os.fork()
    if pid == 0:
        os._exit(set(Reader(mailbox).read()) != {death(1, 2)})  # from its parent, and from the socket
    assert os.waitpid(pid, 0)[1] == 0
