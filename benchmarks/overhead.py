"""What it costs to be watched: `python -m benchmarks.overhead [--json]`, one JSON object on the last line.

Processor time, not time on the wall: what is noted is summed up and told by a thread beside the work, which counts too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import database
from benchmarks.overhead_urls import VIEWS
from benchmarks.queue import prepare

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from django_tandem.monitor.sampler import Sampler

LIMITS = {"request_overhead_us": 50.0, "job_overhead_us": None, "sampler_cpu_percent": 0.5}

ROUNDS = 9
REQUESTS = 4_000
JOBS = 100_000
TASKS = 30

# Of the sampler: as a busy Back Office has it, of four workers, and with a database that has so many jobs.
SAMPLED_S = 60.0
WORKERS = 4
PROCESSES = 6
READY = 100_000


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Only the JSON object.")
@click.option("--seconds", default=SAMPLED_S, show_default=True, type=click.FloatRange(20))
def main(as_json: bool, seconds: float) -> None:
    """Print what a request, a job and a server pay for being watched, beside what they may."""
    server = database.server()
    prepare(database.fresh(server, "tandem_bench"))
    share = sampler_cpu_share(seconds)
    figures = {
        "request_overhead_us": round(request_overhead_us(), 2),
        "job_overhead_us": round(job_overhead_us(), 3),
        "sampler_cpu_percent": round(100 * share, 3),
    }
    if not as_json:
        table = Table("figure", "measured", "limit")
        for name, value in figures.items():
            table.add_row(name, f"{value:,}", "–" if LIMITS[name] is None else f"{LIMITS[name]:,}")
        Console(stderr=True).print(table)
    limits = {f"{name}_limit": limit for name, limit in LIMITS.items() if limit is not None}
    click.echo(json.dumps({**figures, **limits, "cores": os.cpu_count(), **database.describe(server)}))


def request_overhead_us() -> float:
    """Microseconds of a processor that a request pays, all told: the same requests with the middleware and without it,
    in turns; the median. Django must be set up."""
    from django.test import RequestFactory, override_settings

    from django_tandem.config.overlay import NOTE_REQUESTS
    from django_tandem.monitor import requests, sums
    from django_tandem.monitor.channel import Channel
    from django_tandem.monitor.teller import Teller

    channel = Channel()
    teller = Teller(channel, "pages", sums.of_requests)
    requests.install(teller.note)
    factory = RequestFactory()
    began_ms = int(time.time() * 1000) - 5
    asked = [
        factory.get(f"/view-{number % VIEWS}", HTTP_X_REQUEST_START=f"t={began_ms}", HTTP_HOST="localhost")
        for number in range(REQUESTS)
    ]
    with override_settings(ROOT_URLCONF="benchmarks.overhead_urls", ALLOWED_HOSTS=["*"]):
        handlers = {watched: _handler([NOTE_REQUESTS] if watched else []) for watched in (False, True)}

        def answer(watched: bool) -> float:
            handler, before = handlers[watched], time.process_time()
            for request in asked:
                handler(request)
            teller.tell()
            spent = time.process_time() - before
            list(channel.receive())
            return spent / REQUESTS * 1e6

        for watched in (False, True):
            answer(watched)  # once for nothing
        found = [answer(True) - answer(False) for _ in range(ROUNDS)]
    requests.install(None)
    return statistics.median(found)


def job_overhead_us() -> float:
    """Microseconds of a processor that a job pays: to be noted, and to be summed up. The median."""
    from django_tandem.monitor import sums
    from django_tandem.monitor.channel import Channel
    from django_tandem.monitor.teller import Teller
    from django_tandem.queue.states import State
    from django_tandem.queue.tally import Tally

    channel = Channel()
    teller = Teller(channel, "tasks", sums.of_jobs)
    tally = Tally(teller.claimed, teller.append)
    tasks = [f"office.tasks.task_{number % TASKS}" for number in range(JOBS)]

    def each(work: Callable[[], None]) -> float:
        before = time.process_time()
        work()
        spent = time.process_time() - before
        list(channel.receive())
        return spent / JOBS * 1e6

    def noted() -> None:
        for task in tasks:
            tally.ended((task, State.SUCCESSFUL, 0.000_1, False))
        teller.tell()

    def not_noted() -> None:
        for _ in tasks:
            pass
        teller.tell()

    return statistics.median(each(noted) - each(not_noted) for _ in range(ROUNDS))


def sampler_cpu_share(seconds: float = SAMPLED_S) -> float:
    """The share of one processor (0 to 1) that a server's sampler takes in its keeper, and in the database where that
    is seen here: with what four busy workers tell it, and READY jobs for it to count. Django must be set up, with an
    empty database."""
    from benchmarks import tasks
    from django_tandem.monitor import sums
    from django_tandem.monitor.channel import Channel
    from django_tandem.monitor.teller import EVERY_S
    from django_tandem.queue.tasks_api import task_backends

    backend: Any = task_backends["default"]
    backend.enqueue_many(tasks.nothing, (((), {}) for _ in range(READY)))
    children = [subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) for _ in range(PROCESSES)]
    channel = Channel()
    sampler, stop = _sampler(channel), threading.Event()
    spent: list[float] = []

    def run() -> None:
        sampler.run(stop)
        spent.append(time.thread_time())

    told = sums.bounded(
        {"pages": sums.of_requests((f"view-{n % VIEWS}", 200, 0.02 * (n % 40), None, 0.0) for n in range(400))}
    )
    pieces = [sums.written(piece) for piece in sums.pieces(told)]
    thread = threading.Thread(target=run)
    began = time.monotonic()
    thread.start()
    while time.monotonic() < began + seconds:
        for _ in range(WORKERS):
            for piece in pieces:
                channel.send(piece)
        time.sleep(EVERY_S)
    spent.append(_database_s())
    stop.set()
    thread.join()
    for child in children:
        child.kill()
        child.wait()
    return sum(spent) / (time.monotonic() - began)


def _database_s() -> float:
    """The processor time of the database for the sampler's session, where it can be seen."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'tandem sampler 1'")
        ((pid,),) = cursor.fetchall()
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _handler(middleware: list[str]) -> Callable[[HttpRequest], HttpResponse]:
    from django.core.handlers.base import BaseHandler
    from django.test import override_settings

    handler = BaseHandler()
    with override_settings(MIDDLEWARE=middleware):
        handler.load_middleware()
    chain: Callable[[HttpRequest], HttpResponse] = handler._middleware_chain  # type: ignore[attr-defined]
    return chain


def _sampler(channel: Any) -> Sampler:
    from django_tandem.monitor.sampler import Sampler
    from django_tandem.monitor.totals import Totals
    from django_tandem.serve.identity import Identity
    from django_tandem.serve.standing import Standing
    from django_tandem.serve.watched import Watched

    standing = Standing()
    standing.tell("active")
    identity = Identity(id=1, role="backoffice", host="bench", pid=os.getpid(), release="bench", config_digest="")
    watched = Watched(alias="default", identity=identity, standing=standing, folder=Path.cwd())
    return Sampler(watched, channel, Totals())


if __name__ == "__main__":
    main()
