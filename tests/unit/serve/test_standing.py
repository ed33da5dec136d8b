import os

import pytest

from django_tandem.serve import standing
from django_tandem.serve.standing import NOT_MIGRATED, STATES, UNREACHABLE, Standing


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("starting", "starting"),
        ("standby", None),
        ("active", None),
        ("draining", "draining"),
        ("stopped", "stopped"),
    ],
)
def test_a_server_is_ready_on_standby_and_when_active(state, reason):
    one = Standing()
    one.tell(state)
    assert (one.state, one.unready()) == (state, reason)


def test_a_server_of_which_nothing_was_told_is_starting():
    assert (Standing().state, Standing().unready()) == ("starting", "starting")


@pytest.mark.parametrize(("problem", "word"), [(UNREACHABLE, "database"), (NOT_MIGRATED, "migrations")])
@pytest.mark.parametrize("state", STATES)
def test_a_problem_is_told_whatever_the_state_and_forgotten_with_the_next_word(state, problem, word):
    one = Standing()
    one.tell(state, problem)
    assert one.state == state
    assert word in one.unready()
    one.tell("active")
    assert one.unready() is None


def test_without_a_word_of_the_keeper_nobody_knows(monkeypatch):
    one = Standing()
    one.tell("active")
    assert 0 <= one.silent_s() < 5
    monkeypatch.setattr(standing, "STALE_S", 0.0)
    assert one.unready() == "its keeper does not answer"


def test_what_one_process_tells_all_read():
    one = Standing()
    pid = os.fork()
    if pid == 0:
        one.tell("draining", UNREACHABLE)
        os._exit(0)
    os.waitpid(pid, 0)
    assert (one.state, one.unready()) == ("draining", "the database does not answer")
