"""Poison: whatever a task does to its process, the worker lives and the job tells."""

import json
import os
import sys

import psutil
import pytest

from django_tandem.queue.run import ERROR_KEPT
from django_tandem.queue.states import State
from tests import jobs as shared
from tests.integration.queue import poison
from tests.waiting import until


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


@pytest.mark.parametrize(
    ("task", "what", "arguments"),
    [
        (poison.change_directory, "working directory", ()),
        (poison.change_directory_in_a_coroutine, "working directory", ()),
        (poison.go_where_nothing_is, "working directory (one that is gone)", ()),
        (poison.change_umask, "umask (0077)", ()),
        (poison.change_locale, "locale (C)", ()),
        (poison.close_descriptors, "standard input and standard output and standard error", ()),
        (poison.take_their_places, "standard input and standard output and standard error", ("folder",)),
    ],
)
def test_what_a_task_changes_of_its_process_is_put_back_and_reported_once(
    start_worker, finished, tmp_path, task, what, arguments
):
    worker = start_worker(threads=1)
    arguments = [str(tmp_path) for _ in arguments]
    jobs = [poison.tell_surroundings, task, poison.tell_surroundings, task, poison.tell_surroundings]
    ids = []
    for job in jobs:  # one after the other, so that who changed it is known
        ids.append(job.enqueue(*(arguments if job is task else ())).id)
        row = finished(len(ids))[ids[-1]]
        assert (row["state"], row["worker"]) == (State.SUCCESSFUL, worker.pid), row["history"]
    rows = finished(5)
    assert len({rows[ids[number]]["return_value"] for number in (0, 2, 4)}) == 1
    assert worker.log.count("still heard") == 3
    assert worker.stop() == 0
    assert worker.log.count(f"WARNING {task.module_path} changed the {what}") == 1
    assert worker.log.splitlines()[-1] == "INFO drained"


def test_who_else_ran_is_said_and_its_umask_is_left_to_it(start_worker, finished, running):
    path = running()
    worker = start_worker(threads=2)
    until(path.exists)
    before = poison.tell_surroundings.enqueue().id
    finished(1)
    for number, task in enumerate((poison.change_directory, poison.change_umask)):
        task.enqueue()
        finished(number + 2)
    after = poison.tell_surroundings.enqueue().id
    rows = finished(4)
    (here, _, *rest), (there, umask, *others) = (json.loads(rows[one]["return_value"]) for one in (before, after))
    assert (there, umask, others) == (here, 0o077, rest)
    words = f"{poison.change_directory.module_path}, or a task beside it, changed the working directory"
    assert words in worker.log
    assert "changed the umask" not in worker.log


def test_streams_that_a_task_closes_stay_open(start_worker, finished):
    worker = start_worker(threads=1)
    poison.close_streams.enqueue()
    after = poison.tell_surroundings.enqueue()
    assert finished(2)[after.id]["state"] == State.SUCCESSFUL
    assert "still heard" in worker.log
    assert worker.stop() == 0
    assert worker.log.splitlines()[-1] == "INFO drained"


def test_a_thread_that_a_task_left_behind_does_not_keep_the_worker(start_worker, finished):
    worker = start_worker(supervised=True, threads=1)
    poison.leak_a_thread_that_lasts.enqueue()
    finished(1)
    assert worker.stop() == 0
    assert "has not ended" not in worker.log
    assert "INFO drained" in worker.log


@pytest.mark.parametrize("coroutines", [0, 10])
def test_the_child_of_a_coroutine_does_not_go_on_as_a_second_worker(start_worker, finished, tmp_path, coroutines):
    steps, end, child = tmp_path / "steps", tmp_path / "end", tmp_path / "child"
    worker = start_worker(threads=2, coroutines=coroutines)
    poison.take_steps.enqueue(str(steps), str(end))
    until(steps.exists)
    forked = [poison.fork_in_a_coroutine.enqueue(str(child)), poison.fork_and_return_from_a_coroutine.enqueue()]
    rows = finished(2)
    assert [rows[one.id]["return_value"] for one in forked] == ['"parent"'] * 2
    children = psutil.Process(worker.pid).children()
    assert len(children) == 2
    until(lambda: all(one.status() == psutil.STATUS_ZOMBIE for one in children))
    seen = steps.stat().st_size
    until(lambda: steps.stat().st_size > seen)
    end.touch()
    finished(3)
    assert set(steps.read_text().split()) == {str(worker.pid)}
    assert worker.stop() == 0
    assert "the worker process ends" not in worker.log


@pytest.mark.parametrize(
    ("task", "arguments", "error"),
    [
        (poison.leave, (), "SystemExit"),
        (poison.raise_base_exception, (), "KeyboardInterrupt"),
        (poison.generator_exit, (), "GeneratorExit"),
        (poison.recurse, (), "RecursionError"),
        (poison.ask_for_too_much_memory, (), "MemoryError"),
        (poison.handle_signals, (), "ValueError"),
        (poison.raise_what_cannot_be_shown, (), "Unshowable"),
        pytest.param(
            poison.raise_a_group,
            (),
            "ExceptionGroup",
            marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11"),
        ),
        (poison.raise_in_a_coroutine, ("KeyboardInterrupt",), "KeyboardInterrupt"),
        (poison.raise_in_a_coroutine, ("GeneratorExit",), "GeneratorExit"),
        (poison.raise_in_a_coroutine, ("CancelledError",), "CancelledError"),
        (poison.raise_in_a_coroutine, ("StopAsyncIteration",), "StopAsyncIteration"),
    ],
)
def test_a_job_that_leaves_fails_and_says_how(start_worker, finished, task, arguments, error):
    worker = start_worker(threads=1)
    result = task.enqueue(*arguments)
    row = finished(1)[result.id]
    assert (row["state"], row["attempt"]) == (State.FAILED, 1)
    result.refresh()
    assert [one.exception_class.__name__ for one in result.errors] == [error]
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


@pytest.mark.parametrize("how", ["segfault", "stack overflow", "os._exit", "kill"])
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
