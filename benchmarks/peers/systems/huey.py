"""Huey on PostgreSQL: two consumers of four threads; no results are kept."""

import os
import sys

from huey import PostgresHuey

from benchmarks.peers import jobs

huey = PostgresHuey("peers", dsn=os.environ["TANDEM_PEERS_ADDRESS"], results=False)
TASKS = {job.__name__: huey.task(name=job.__name__)(job) for job in (jobs.nothing, jobs.pause, jobs.stamp)}


def prepare():
    huey.pending_count()


def enqueue(job, *arguments, urgent=False):
    huey.enqueue(TASKS[job].s(*arguments, priority=10 if urgent else 1))


def unfinished():
    return huey.pending_count()


def workers():
    consumer = ["-m", "huey.bin.huey_consumer", f"{__name__}.huey", "--no-periodic", "--quiet"]
    return [[sys.executable, *consumer, "--worker-type", "thread", "--workers", "4"]] * 2
