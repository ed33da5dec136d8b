import os
import select
import signal

import pytest

from django_tandem.processes.child import Child, ChildSpec
from django_tandem.processes.signals import Signals
from tests.waiting import until


@pytest.fixture
def signals():
    made = Signals((signal.SIGUSR1, signal.SIGUSR2))
    yield made
    made.restore()


def test_a_signal_wakes_who_waits_and_says_its_number(signals):
    os.kill(os.getpid(), signal.SIGUSR2)
    os.kill(os.getpid(), signal.SIGUSR1)

    assert select.select([signals], [], [], 5)[0]
    assert set(signals.arrived()) == {signal.SIGUSR1, signal.SIGUSR2}
    assert signals.arrived() == []


def test_the_handlers_that_were_there_come_back():
    before = signal.getsignal(signal.SIGUSR1)
    signals = Signals((signal.SIGUSR1,))
    signals.restore()

    assert signal.getsignal(signal.SIGUSR1) == before


def test_what_this_process_was_started_to_ignore_stays_ignored():
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signals = Signals((signal.SIGUSR1,))
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.arrived() == []
    finally:
        signals.restore()
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_reaches_a_child_during_the_fork_is_the_childs(signals):
    lifeline, other_end = os.pipe()

    def leave_parent():
        os.kill(os.getpid(), signal.SIGUSR1)
        signals.leave()

    child = Child(ChildSpec(name="child", body=lambda: 0, orphaned=None), leave_parent, lifeline)
    death = until(child.reap)
    os.close(lifeline)
    os.close(other_end)

    assert death.cause == "killed by SIGUSR1"
    assert signals.arrived() == []
