"""Recycling on a real Async Server: processes that have done their share give their place to others."""

import os
import re
import signal

import psutil
import pytest

from tests.integration.serve.servers import lives
from tests.waiting import until

SUCCESSFUL, READY = 3, 1

LEAK = """

kept = []


@task
def leak(path, line):
    kept.append(b"x" * (40 * 1024 * 1024))
    time.sleep(0.2)
    write.func(path, line)
"""


@pytest.fixture
def recycling(office, async_server):
    """Start an Async Server of one process, or more, with these keys in its role."""

    def start(processes=1, threads=2, **keys):
        file = office.folder / "tandem.toml"
        before, role, after = file.read_text().partition("[roles.async]\n")
        for key, value in {"processes": processes, "threads": threads, **keys}.items():
            after, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", after, count=1, flags=re.MULTILINE)
            after = after if found else f"{key} = {value}\n{after}"
        file.write_text(before + role + after)
        return async_server()

    return start


def recycled(server):
    """Of each process that gave its place to another: its process id and the other's."""
    words = r"worker-\d \(pid (\d+)\) (?:is recycled; pid (\d+) takes its place|was recycled; pid (\d+) replaces it)"
    return [(int(found[1]), int(found[2] or found[3])) for found in re.finditer(words, server.running.output)]


def test_a_process_is_replaced_after_its_share_of_jobs_and_none_is_lost_or_doubled(work, recycling):
    server = recycling(processes=2, recycle_jobs=20)
    ids = [work.write(f"line{number}") for number in range(200)]
    assert [(row[0], row[1], row[2]) for row in work.finished(200)] == [(one, SUCCESSFUL, 1) for one in ids]
    assert sorted(line[0] for line in work.lines()) == sorted(f"line{number}" for number in range(200))
    until(lambda: len(recycled(server)) >= 4)
    assert "died" not in server.running.output
    until(lambda: len(server.children()) == 3)
    assert server.running.stop() == 0
    assert server.running.nothing_is_left()


def test_a_process_whose_memory_grows_is_replaced_and_its_jobs_are_done_once(office, work, recycling):
    office.append(LEAK, "office/tasks.py")
    server = recycling(threads=1, recycle_memory=300)
    ids = [work.enqueue("leak", f"line{number}") for number in range(15)]
    rows = work.finished(15)
    assert [(row[0], row[1], row[2]) for row in rows] == [(one, SUCCESSFUL, 1) for one in ids]
    assert len(work.lines()) == 15
    until(lambda: recycled(server))
    assert re.search(r"recycling: \d{3} MiB are resident after \d+ jobs", server.running.output)


def test_a_bound_below_what_a_fresh_process_needs_is_reported_and_recycles_nothing(office, work, recycling):
    office.append("\nballast = b'x' * (80 * 1024 * 1024)\n", "office/settings.py")
    server = recycling(recycle_memory=64)
    work.write("a")
    work.finished(1)
    until(
        lambda: re.search(r"recycle_memory is 64, and a worker that has run nothing has \d+ MiB", server.running.output)
    )
    assert recycled(server) == []


def leaving_with_a_long_job(work, server):
    """Let a job begin that goes on, and its process be recycled; the job, its process and its successor."""
    long = work.hold("long")
    old = work.begun("long")
    for number in range(10):
        work.write(f"line{number}")
    until(lambda: recycled(server) and len(work.results()) == 10)
    assert recycled(server)[0][0] == old
    return long, old, recycled(server)[0][1]


def test_a_long_job_of_a_process_that_leaves_ends_in_it_while_others_run_in_its_successor(work, recycling):
    server = recycling(recycle_jobs=5, drain=0.1)
    long, old, new = leaving_with_a_long_job(work, server)
    for number in range(10, 14):
        work.hold(f"line{number}")
    assert work.begun("line10") != old
    assert lives(psutil.Process(old))
    assert (long, 2, 1, server.id) in work.unfinished()
    work.open()
    rows = work.finished(15)
    assert {(row[1], row[2]) for row in rows} == {(SUCCESSFUL, 1)}
    assert work.begun("long") == old
    assert new != old
    until(lambda: not psutil.pid_exists(old))
    until(lambda: f"worker-0 (pid {old}) was recycled" in server.running.output)
    assert len(server.children()) == 2


def test_when_the_server_stops_a_process_that_leaves_keeps_to_the_drain_deadline(work, recycling):
    server = recycling(recycle_jobs=5, drain=0.2)
    long, _, _ = leaving_with_a_long_job(work, server)
    assert server.running.stop() == 0
    assert server.running.nothing_is_left()
    assert [(row[0], row[1], row[2]) for row in work.unfinished()] == [(long, READY, 1)]


def test_a_job_of_a_process_that_leaves_can_be_cancelled(office, work, recycling):
    server = recycling(recycle_jobs=5)
    long, old, _ = leaving_with_a_long_job(work, server)
    assert office.tandem("tasks", "cancel", str(long)).returncode == 0
    until(lambda: not work.unfinished())
    until(lambda: not psutil.pid_exists(old))


def test_a_job_of_a_process_that_is_killed_while_it_leaves_comes_back_and_no_other(work, recycling):
    server = recycling(recycle_jobs=5)
    long, old, _ = leaving_with_a_long_job(work, server)
    beside = work.hold("beside")
    assert work.begun("beside") != old
    os.kill(old, signal.SIGKILL)
    assert work.begun("long", times=2) != old
    work.open()
    attempts = {row[0]: row[1:3] for row in work.finished(12)}
    assert (attempts[long], attempts[beside]) == ((SUCCESSFUL, 2), (SUCCESSFUL, 1))
    until(lambda: f"worker-0 (pid {old}) died: killed by SIGKILL" in server.running.output)
