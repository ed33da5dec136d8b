"""Dramatiq on Redis: two processes of four threads."""

import os
import sys

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries

from benchmarks.peers import jobs

client = redis.Redis.from_url(os.environ["TANDEM_PEERS_ADDRESS"])
dramatiq.set_broker(RedisBroker(client=client, middleware=[Retries()]))
DRAINS = os.environ["TANDEM_PEERS_FIGURE"] == "drain_per_s"
BODIES = (jobs.nothing, jobs.pause, jobs.stamp)
USUAL = {job.__name__: dramatiq.actor(job, queue_name="usual", priority=10) for job in BODIES}
URGENT = dramatiq.actor(jobs.stamp, actor_name="urgent_stamp", queue_name="urgent", priority=0)


def prepare():
    client.flushall()


def enqueue(job, *arguments, urgent=False):
    (URGENT if urgent else USUAL[job]).send(*arguments)


def unfinished():
    return client.hlen("dramatiq:usual.msgs")


def workers():
    if DRAINS:
        os.environ["dramatiq_queue_prefetch"] = "64"  # noqa: SIM112 - its name
    return [[sys.executable, "-m", "dramatiq", "--processes", "2", "--threads", "4", __name__]]
