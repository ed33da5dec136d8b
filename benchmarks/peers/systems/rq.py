"""RQ on Redis: two workers that run jobs in their own process, not in a fork for each."""

import os
import sys

import redis
from rq import Queue

ADDRESS = os.environ["TANDEM_PEERS_ADDRESS"]
client = redis.Redis.from_url(ADDRESS)
USUAL, URGENT = (Queue(name, connection=client, serializer="json") for name in ("usual", "urgent"))
PATH = "benchmarks.peers.jobs."


def prepare():
    client.flushall()


def enqueue(job, *arguments, urgent=False):
    (URGENT if urgent else USUAL).enqueue(PATH + job, *arguments, result_ttl=0)


def enqueue_many(job, count, *arguments):
    for done in range(0, count, 1000):
        some = min(1000, count - done)
        USUAL.enqueue_many([Queue.prepare_data(PATH + job, args=arguments, result_ttl=0) for _ in range(some)])


def unfinished():
    return USUAL.count + USUAL.started_job_registry.count


def workers():
    worker = ["-m", "rq.cli", "worker", "--url", ADDRESS, "--worker-class", "rq.worker.SimpleWorker"]
    options = ["--serializer", "json", "--quiet", "--disable-job-desc-logging"]
    return [[sys.executable, *worker, *options, "urgent", "usual"]] * 2
