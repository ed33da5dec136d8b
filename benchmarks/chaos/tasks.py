"""Jobs of every kind that the queue makes a promise for."""

import asyncio
import random
import time

from django.db import connection

from django_tandem import Limit, Retry, task

# What atomic jobs do: a row a job.
TABLE = "CREATE TABLE chaos_effect (token bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())"


@task
def nothing(token):
    return token


@task
def work(token, seconds):
    time.sleep(seconds)
    return token


@task
async def awork(token, seconds):
    await asyncio.sleep(seconds)
    return token


@task(atomic=True)
def effect(token, seconds):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO chaos_effect (token) VALUES (%s)", [token])
    time.sleep(seconds)
    return token


@task(atomic=True, retry=Retry(attempts=5, backoff=0.2))
def shaky_effect(token):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO chaos_effect (token) VALUES (%s)", [token])
    if random.random() < 0.4:
        raise ConnectionError("by chance")
    return token


@task(retry=Retry(attempts=3, backoff=0.2), timeout=2.0)
def shaky(token):
    if random.random() < 0.3:
        raise ConnectionError("by chance")
    return token


@task(limit=Limit(most=2, key="key {key}"))
def limited(token, key):
    time.sleep(0.01)
    return [token, key]


@task(timeout=0.2)
def slow(token):
    time.sleep(1.0)
    return token


ATOMIC = {f"{__name__}.{one.name}" for one in (effect, shaky_effect)}
