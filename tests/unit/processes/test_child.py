import os
import signal
import sys

import pytest

from django_tandem.processes.child import Child, ChildSpec, Death
from tests.waiting import until


@pytest.fixture
def lifeline():
    read, write = os.pipe()
    yield read
    os.close(read)
    os.close(write)


def death_of(body, lifeline):
    child = Child(ChildSpec(name="child", body=body, orphaned=None), lambda: None, lifeline)
    return until(child.reap)


def fail():
    raise ValueError("no")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (lambda: 0, 0),
        (lambda: 7, 7),
        (lambda: sys.exit(5), 5),
        (lambda: sys.exit(), 0),
        (lambda: sys.exit("a reason"), 1),
        (fail, 1),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -9),
    ],
)
def test_its_status_is_what_the_body_ended_with(body, status, lifeline):
    assert death_of(body, lifeline).status == status


def test_it_leads_a_process_group_so_that_ctrl_c_is_not_for_it(lifeline):
    assert death_of(lambda: int(os.getpgrp() != os.getpid()), lifeline).status == 0


def test_a_child_that_runs_has_not_died_and_one_that_is_gone_can_be_signalled(lifeline):
    child = Child(ChildSpec(name="child", body=lambda: signal.pause() or 0, orphaned=None), lambda: None, lifeline)
    assert child.reap() is None
    child.send_group(signal.SIGKILL)
    assert until(child.reap).status == -9
    child.send(signal.SIGTERM)
    child.send_group(signal.SIGTERM)


@pytest.mark.parametrize(
    ("status", "cause"),
    [(3, "exit code 3"), (-9, "killed by SIGKILL"), (-43, "killed by signal 43")],
)
def test_a_death_tells_its_cause_in_words(status, cause):
    assert Death(name="child", pid=1, status=status, lived_s=1.0).cause == cause
