"""Procrastinate: two workers that each run four jobs at a time; finished jobs are deleted."""

import os
import sys

import procrastinate

from benchmarks.peers import jobs

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["TANDEM_PEERS_ADDRESS"]))
ARGUMENTS = {"nothing": (), "pause": ("seconds",), "stamp": ("sent",)}
for job in (jobs.nothing, jobs.pause, jobs.stamp):
    app.task(name=job.__name__)(job)


def prepare():
    app.open()
    app.schema_manager.apply_schema()


def enqueue(job, *arguments, urgent=False):
    app.configure_task(job, priority=10 if urgent else 0).defer(**_named(job, arguments))


def enqueue_many(job, count, *arguments):
    for done in range(0, count, 1000):
        some = min(1000, count - done)
        app.configure_task(job).batch_defer(*[_named(job, arguments)] * some)


def unfinished():
    return sum(len(list(app.job_manager.list_jobs(status=status))) for status in ("todo", "doing"))


def workers():
    options = ["--concurrency", "4", "--delete-jobs", "always"]
    return [[sys.executable, "-m", "procrastinate", "--app", f"{__name__}.app", "worker", *options]] * 2


def _named(job, arguments):
    return dict(zip(ARGUMENTS[job], arguments, strict=True))
