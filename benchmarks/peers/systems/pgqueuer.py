"""PgQueuer: two processes of one loop each, batches of 100, coroutines."""

import asyncio
import json
import os
import sys
import time

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from benchmarks.peers import jobs

ADDRESS = os.environ["TANDEM_PEERS_ADDRESS"]
BATCH = 100
loop = uvloop.new_event_loop()


async def nothing():
    jobs.nothing()


async def pause(seconds):
    began = time.monotonic()
    await asyncio.sleep(seconds)
    jobs.count(began)


async def stamp(sent):
    jobs.stamp(sent)


def prepare():
    global queries
    queries = loop.run_until_complete(_queries())
    loop.run_until_complete(queries.install())


def enqueue(job, *arguments, urgent=False):
    loop.run_until_complete(queries.enqueue(job, json.dumps(arguments).encode(), 10 if urgent else 0))


def enqueue_many(job, count, *arguments):
    payload = json.dumps(arguments).encode()
    for done in range(0, count, 1000):
        some = min(1000, count - done)
        loop.run_until_complete(queries.enqueue([job] * some, [payload] * some, [0] * some))


def unfinished():
    return sum(one.count for one in loop.run_until_complete(queries.queue_size()))


def workers():
    return [[sys.executable, "-m", __name__]] * 2


async def _queries():
    return Queries(AsyncpgDriver(await asyncpg.connect(ADDRESS)))


async def work():
    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(ADDRESS)))
    for body in (nothing, pause, stamp):
        queue.entrypoint(body.__name__)(_entry(body))
    await queue.run(batch_size=BATCH)


def _entry(body):
    async def run(job):
        await body(*json.loads(job.payload))

    return run


if __name__ == "__main__":
    uvloop.run(work())
