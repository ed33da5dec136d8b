"""Where each microsecond of a no-op job goes: `python -m benchmarks.microseconds [--jobs N] [--json]`.

One worker's way, in this process and in one slot: the intake takes jobs, which claims and finishes them in batches;
each is run as a slot runs it. What is measured is the wall time of each step, and how much of that this process worked;
the rest it waited for the database. The same once more with synchronous_commit off: the difference is the disk's.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks import database
from benchmarks.queue import Bench, prepare

JOBS = 40_000
STEPS = ("claim", "run", "restore", "finish", "hand over")


class Clock:
    """Seconds by step: of the wall, and of this thread at work. What is measured within a step is not counted to it."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = defaultdict(float)
        self.work: dict[str, float] = defaultdict(float)
        self._within: list[list[float]] = [[0.0, 0.0]]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        self._within.append([0.0, 0.0])
        wall, work = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            wall, work = time.perf_counter() - wall, time.thread_time() - work
            inner = self._within.pop()
            self.wall[name] += wall - inner[0]
            self.work[name] += work - inner[1]
            self._within[-1][0] += wall
            self._within[-1][1] += work

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, measured."""

        @wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with self.step(name):
                return function(*args, **kwargs)

        return measured


@click.command()
@click.option("--jobs", default=JOBS, show_default=True, type=click.IntRange(1000))
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
def main(jobs: int, as_json: bool) -> None:
    """Print the microseconds of each step, a job."""
    server = database.server()
    url = database.fresh(server, "tandem_bench")
    bench, found = prepare(url), {}
    for commit in ("on", "off"):
        bench.empty()
        bench.backend.enqueue_many(bench.tasks.nothing, (((), {}) for _ in range(jobs)))
        database.settle(url)
        with ThreadPoolExecutor(1) as slot:  # as in a worker, a thread that has opened no connection of Django's
            found[commit] = slot.submit(_measure, bench, jobs, commit).result()
    figures = {
        step: {
            "work_us": round(found["on"].work[step] / jobs * 1e6, 2),
            "wait_us": round((found["on"].wall[step] - found["on"].work[step]) / jobs * 1e6, 2),
            "wait_us_without_fsync": round((found["off"].wall[step] - found["off"].work[step]) / jobs * 1e6, 2),
        }
        for step in STEPS
    }
    with ThreadPoolExecutor(1) as slot:
        within = slot.submit(_within_run, bench, jobs).result()
    if not as_json:
        _print(figures, within)
    click.echo(json.dumps({"jobs": jobs, "steps": figures, "run": within, **database.describe(server)}))


def _measure(bench: Bench, jobs: int, commit: str) -> Clock:
    """Drain so many jobs in this thread."""
    from django_tandem.queue import claim, fence, finish
    from django_tandem.queue.claim import Owner
    from django_tandem.queue.connect import connect
    from django_tandem.queue.intake import Intake
    from django_tandem.queue.interrupt import Interrupts
    from django_tandem.queue.priority import NO_RESERVE
    from django_tandem.queue.run import run
    from django_tandem.queue.surroundings import Surroundings

    clock, kept = Clock(), (claim.claim_unpaused, finish.finish)
    claim.claim_unpaused, finish.finish = clock.around("claim", kept[0]), clock.around("finish", kept[1])
    connection = connect("default", purpose="microseconds")
    connection.execute(f"SET synchronous_commit = {commit}".encode())
    owner, interrupts, surroundings = Owner(bench.servers[0], os.getpid()), Interrupts(lambda _: None), Surroundings()
    intake = Intake(connection, owner, ["default"], 1, NO_RESERVE)
    intake.epoch = fence.read(connection).epoch
    try:
        for _ in range(jobs):
            with clock.step("hand over"):
                job = intake.take(0)
            assert job is not None
            with clock.step("run"):
                outcome = run(job, owner, interrupts)
            with clock.step("restore"):
                surroundings.restore(job.task, alone=True)
            with clock.step("hand over"):
                intake.give(outcome)
        with clock.step("hand over"):
            intake.exchange()
    finally:
        claim.claim_unpaused, finish.finish = kept
        connection.close()
    return clock


def _within_run(bench: Bench, times: int) -> dict[str, float]:
    """Microseconds of what `run` does for each job, one by one, and of the function itself."""
    from django.db import close_old_connections

    from django_tandem.queue import opened
    from django_tandem.queue.arguments import load_arguments
    from django_tandem.queue.hearing import is_heard
    from django_tandem.queue.run import known
    from django_tandem.queue.tasks_api import task_finished, task_started

    path = bench.tasks.nothing.module_path
    return {
        "see that no connection was opened, twice": 2 * _each_us(opened.close_old, times),
        "close_old_connections, twice, where one was": 2 * _each_us(close_old_connections, times),
        "look the task up": _each_us(lambda: known(path), times),
        "load the arguments": _each_us(lambda: load_arguments("[[],{}]"), times),
        "ask who hears the signals": _each_us(lambda: (is_heard(task_started), is_heard(task_finished)), times),
        "the function": _each_us(bench.tasks.nothing.func, times),
    }


def _each_us(function: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        function()
    return round((time.perf_counter() - began) / times * 1e6, 2)


def _print(figures: dict[str, dict[str, float]], within: dict[str, float]) -> None:
    table = Table("step, µs a job", "this process works", "waits for the database", "… without fsync")
    for step, row in figures.items():
        table.add_row(step, *(f"{value:.1f}" for value in row.values()))
    totals = [sum(row[name] for row in figures.values()) for name in next(iter(figures.values()))]
    table.add_row("all", *(f"{total:.1f}" for total in totals))
    console = Console(stderr=True)
    console.print(table)
    for name, value in within.items():
        console.print(f"  within run: {name} {value:.2f} µs")


if __name__ == "__main__":
    main()
