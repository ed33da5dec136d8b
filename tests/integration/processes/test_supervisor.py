"""A real supervisor, whose children are killed, stopped and told to end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.waiting import until

SCRIPT = Path(__file__).with_name("supervised.py")


class Supervised:
    def __init__(self, file, options):
        self.file = file
        self.file.touch()
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(file), json.dumps(options)],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.seen = set()

    def lines(self, *words):
        """The lines that begin with `words`, split."""
        lines = [line.split() for line in self.file.read_text().splitlines()]
        return [line for line in lines if line[: len(words)] == list(words)]

    def pids(self, name):
        """The process ids of `name`, in the order of their lives."""
        pids = [int(line[2]) for line in self.lines("began", name)]
        self.seen.update(pids)
        return pids

    def begun(self, name, times=1):
        return until(lambda: len(self.pids(name)) >= times and self.pids(name)[-1])

    def end(self):
        """Its exit code and what it logged."""
        _, logged = self.process.communicate(timeout=20)
        return self.process.returncode, logged


@pytest.fixture
def supervise(tmp_path):
    made = []

    def start(children, supervisor=None, **options):
        options = {"children": children, "supervisor": supervisor or {}, **options}
        made.append(Supervised(tmp_path / f"lines-{len(made)}", options))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stderr.close()
        until(lambda one=one: not any(is_alive(pid) for pid in one.seen))


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_child_is_replaced_at_once_and_leaves_no_zombie(supervise):
    one = supervise({"a": "patient", "b": "patient"})
    first, other = one.begun("a"), one.begun("b")
    os.kill(first, signal.SIGKILL)
    killed_at = time.monotonic()
    one.begun("a", times=2)

    assert time.monotonic() - killed_at < 1
    assert one.lines("died") == [["died", "a", str(first), "-9"]]
    assert one.pids("b") == [other]
    assert all(child.status() != psutil.STATUS_ZOMBIE for child in psutil.Process(one.process.pid).children())


def test_a_child_that_shows_no_sign_of_life_is_killed_and_replaced(supervise):
    one = supervise({"a": "patient"}, {"silent_s": 0.5})
    first = one.begun("a")
    os.kill(first, signal.SIGSTOP)
    second = one.begun("a", times=2)

    assert not is_alive(first)
    assert is_alive(second)


def test_term_lets_children_finish(supervise):
    one = supervise({"a": "patient", "b": "patient"}, needs_s=0.5)
    one.begun("a"), one.begun("b")
    one.process.terminate()

    assert one.end() == (0, "")
    assert len(one.lines("ended")) == 2


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_closed_terminal_and_ctrl_c_are_as_good_as_term(supervise, number):
    one = supervise({"a": "patient"}, needs_s=0.2)
    one.begun("a")
    os.killpg(one.process.pid, number)  # the terminal tells the whole group

    assert one.end() == (0, "")
    assert one.lines("ended", "a")


def test_who_overstays_the_drain_is_killed(supervise):
    one = supervise({"a": "stubborn"}, {"drain_s": 0.1, "hard_stop_s": 0.2})
    pid = one.begun("a")
    one.process.terminate()
    code, logged = one.end()

    assert code == 0
    assert f"a (pid {pid}) has not ended: SIGKILL" in logged
    assert not is_alive(pid)


def test_a_second_int_does_not_wait(supervise):
    one = supervise({"a": "stubborn"}, {"drain_s": 600})
    pid = one.begun("a")
    one.process.send_signal(signal.SIGINT)
    until(lambda: one.lines("stopping"))
    before = time.monotonic()
    one.process.send_signal(signal.SIGINT)
    one.end()

    assert time.monotonic() - before < 2
    assert not is_alive(pid)


def test_a_stopped_child_hears_term(supervise):
    one = supervise({"a": "patient"})
    os.kill(one.begun("a"), signal.SIGSTOP)
    one.process.terminate()

    assert one.end()[0] == 0
    assert one.lines("ended", "a")


def test_the_last_one_ends_after_the_others(supervise):
    one = supervise({"last": "patient", "a": "patient"}, needs_s=0.3)
    one.begun("last"), one.begun("a")
    one.process.terminate()
    one.end()

    assert [line[1] for line in one.lines("ended")] == ["a", "last"]


def test_the_last_one_gets_its_time_even_when_the_others_got_none(supervise):
    one = supervise({"last": "patient", "a": "stubborn"}, {"drain_s": 600}, needs_s=0.3)
    one.begun("last"), one.begun("a")
    one.process.send_signal(signal.SIGINT)
    until(lambda: one.lines("stopping"))
    one.process.send_signal(signal.SIGINT)
    one.end()

    assert one.lines("ended", "last")


def test_a_child_that_dies_at_its_start_is_tried_again_after_pauses(supervise):
    one = supervise({"a": "short"})
    one.begun("a", times=5)
    one.process.terminate()
    code, logged = one.end()

    assert code == 0
    assert "replaces it" in logged
    assert all(f"again in {pause} s" in logged for pause in ("0.2", "0.4", "0.8"))


def test_a_child_that_has_done_its_share_is_replaced_at_once_however_early(supervise):
    one = supervise({"a": "recycled"}, {"most_early_deaths": 3})
    pids = [one.begun("a", times=number + 1) and one.pids("a")[number] for number in range(6)]
    one.process.terminate()
    code, logged = one.end()

    assert code == 0
    assert f"INFO a (pid {pids[0]}) was recycled; pid {pids[1]} replaces it" in logged
    assert "died" not in logged


def test_one_that_only_ends_with_the_same_code_has_died(supervise):
    one = supervise({"a": "claims_to_be_recycled"}, {"most_early_deaths": 3})
    code, logged = one.end()

    assert code == 1
    assert "died: exit code 75, at its start, 3 times: giving up" in logged


def test_after_most_early_deaths_the_supervisor_gives_up_and_ends_the_others(supervise):
    one = supervise({"a": "short", "b": "patient"}, {"most_early_deaths": 3})
    code, logged = one.end()

    assert code == 1
    assert "died: exit code 4, at its start, 3 times: giving up" in logged
    assert one.lines("ended", "b")


def test_children_do_not_outlive_a_killed_supervisor(supervise):
    one = supervise({"a": "patient", "b": "stubborn"})
    pids = [one.begun("a"), one.begun("b")]
    one.process.kill()
    one.process.wait()

    until(lambda: not any(is_alive(pid) for pid in pids))


def test_what_a_killed_child_had_started_does_not_outlive_it(supervise):
    one = supervise({"a": "parent"})
    first = one.begun("a")
    grandchild = int(one.lines("grandchild")[0][1])
    os.kill(first, signal.SIGKILL)
    one.begun("a", times=2)

    until(lambda: not is_alive(grandchild))
