"""Poison: whatever a task does to its process, the worker lives and the job tells."""

import os

import pytest

from django_tandem.queue.run import ERROR_KEPT
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue import poison


@pytest.mark.parametrize(
    ("task", "arguments", "returned"),
    [
        (poison.fork_and_return, (), '"parent"'),
        (poison.change_directory, (), '"moved"'),
        (poison.leak_a_thread, (), '"leaked"'),
        (poison.print_much, (), "200000"),
        (poison.close_what_it_finds, (), '"closed"'),
    ],
)
def test_the_worker_goes_on_and_so_do_its_results(start_worker, finished, task, arguments, returned):
    worker = start_worker(threads=1)
    result = task.enqueue(*arguments)
    assert (finished(1)[result.id]["state"], finished(1)[result.id]["return_value"]) == (State.SUCCESSFUL, returned)
    after = shared.add.enqueue(1, b=2)
    row = finished(2)[after.id]
    assert (row["worker"], row["attempt"], row["return_value"]) == (worker.pid, 1, "3")
    assert worker.stop() == 0


@pytest.mark.parametrize("task", [poison.leave, poison.raise_base_exception, poison.raise_what_cannot_be_shown])
def test_a_job_that_leaves_fails_and_says_how(start_worker, finished, task):
    worker = start_worker(threads=1)
    result = task.enqueue()
    row = finished(1)[result.id]
    assert (row["state"], row["attempt"]) == (State.FAILED, 1)
    result.refresh()
    assert len(result.errors) == 1
    after = shared.add.enqueue(1)
    assert finished(2)[after.id]["worker"] == worker.pid


def test_of_an_error_without_end_the_beginning_and_the_end_are_kept(hand):
    result = poison.raise_megabytes.enqueue()
    hand.work()
    result.refresh()
    text = result.errors[0].traceback
    assert len(text) < 2 * ERROR_KEPT + 100
    assert text.startswith("Traceback")
    assert text.endswith("xxx\n")
    assert " characters …" in text


@pytest.mark.parametrize("how", ["segfault", "os._exit", "kill"])
def test_a_job_that_kills_its_worker_again_and_again_ends_failed_with_the_reason(start_worker, finished, how):
    result = poison.kill_the_process.enqueue(how)
    start_worker(supervised=True, threads=1)
    row = finished(1, seconds=40)[result.id]
    assert (row["state"], row["attempt"]) == (State.FAILED, 3)
    result.refresh()
    assert [error.exception_class.__name__ for error in result.errors] == ["WorkerDied"] * 3
    after = shared.add.enqueue(1)
    assert finished(2)[after.id]["state"] == State.SUCCESSFUL
    assert row["worker"] != os.getpid()


def test_what_runs_beside_a_job_that_kills_is_not_buried_with_it(start_worker, finished, tmp_path, results):
    began, until_there = tmp_path / "began", tmp_path / "end"
    killer = poison.kill_when_others_run.enqueue(str(began), 2)
    others = [poison.begin_and_wait.enqueue(str(began), str(until_there)) for _ in range(2)]
    start_worker(supervised=True, threads=3)
    row = finished(1, seconds=40)[killer.id]
    assert (row["state"], row["attempt"]) == (State.FAILED, 3)
    until_there.touch()
    rows = finished(3)
    assert [(rows[one.id]["state"], rows[one.id]["return_value"]) for one in others] == [
        (State.SUCCESSFUL, '"ended"')
    ] * 2
