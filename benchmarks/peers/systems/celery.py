"""Celery on Redis: two processes, for the drain of four threads each, which drain faster than its usual pool.

A job is acknowledged after it ran, or it would be gone with the process that began it.
"""

import os
import sys

import redis
from celery import Celery

from benchmarks.peers import jobs

SOCKET = os.environ["TANDEM_PEERS_ADDRESS"].removeprefix("unix://")
DRAINS = os.environ["TANDEM_PEERS_FIGURE"] == "drain_per_s"
ALONE = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
LEVELS = [0, 9]  # of Redis: the lower is the more urgent, and each is a list of its own

app = Celery("peers", broker=f"redis+socket://{SOCKET}")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_disable_rate_limits=True,
    worker_send_task_events=False,
    worker_prefetch_multiplier=64 if DRAINS else 1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"priority_steps": LEVELS, "queue_order_strategy": "priority"},
)
TASKS = {job.__name__: app.task(name=job.__name__)(job) for job in (jobs.nothing, jobs.pause, jobs.stamp)}
client = redis.Redis(unix_socket_path=SOCKET)


def prepare():
    client.flushall()


def enqueue(job, *arguments, urgent=False):
    TASKS[job].apply_async(arguments, priority=LEVELS[0 if urgent else -1])


def unfinished():
    return sum(client.llen(name) for name in client.scan_iter("celery*", _type="list")) + client.hlen("unacked")


def workers():
    worker = [sys.executable, "-m", "celery", "-A", __name__, "worker", "--loglevel=WARNING", *ALONE]
    if DRAINS:
        return [[*worker, "--pool=threads", "--concurrency=4", f"--hostname={number}@%h"] for number in (1, 2)]
    return [[*worker, "--pool=prefork", "--concurrency=2"]]
