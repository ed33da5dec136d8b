"""The peers: what each needs, how it is set up, what it promises."""

from __future__ import annotations

from dataclasses import dataclass

SYSTEMS = "benchmarks.peers.systems."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One peer. `durable`: a job that was accepted is on disk, and whether it waits or runs, no killed worker and no
    lost power makes it vanish; `note` says by what, or why not."""

    name: str
    module: str  # see benchmarks.peers.driver
    packages: tuple[str, ...]  # the system's own first: its version is the system's
    broker: str  # "redis" or "postgresql"
    backlog_jobs: int  # of 5 ms, to last for as long as the urgent ones come
    setup: str
    durable: bool
    note: str
    urgent: str


CATALOG = (
    Entry(
        name="celery",
        module=SYSTEMS + "celery",
        packages=("celery[redis]", "hiredis"),
        broker="redis",
        backlog_jobs=10_000,
        setup="2 processes, prefetch 1; for the drain of 4 threads each, prefetch 64",
        durable=True,
        note="acknowledged late; what a killed server had taken returns after the visibility timeout, an hour",
        urgent="priority, a Redis list each",
    ),
    Entry(
        name="dramatiq",
        module=SYSTEMS + "dramatiq",
        packages=("dramatiq[redis]", "hiredis"),
        broker="redis",
        backlog_jobs=20_000,
        setup="2 processes of 4 threads; prefetch 64 in the drain, else 8",
        durable=True,
        note="what a killed worker had taken returns after its heartbeat has been missing for a minute",
        urgent="a queue of its own and a priority among what was fetched",
    ),
    Entry(
        name="rq",
        module=SYSTEMS + "rq",
        packages=("rq", "hiredis"),
        broker="redis",
        backlog_jobs=10_000,
        setup="2 SimpleWorkers, no fork for each job",
        durable=True,
        note="a job whose worker was killed is listed as failed after its timeout; it does not run again by itself",
        urgent="a queue of its own, looked at first",
    ),
    Entry(
        name="huey",
        module=SYSTEMS + "huey",
        packages=("huey", "psycopg[binary]"),
        broker="postgresql",
        backlog_jobs=20_000,
        setup="2 processes of 4 threads, no results",
        durable=False,
        note="a job is deleted when it is taken: what a killed worker had taken is lost",
        urgent="priority",
    ),
    Entry(
        name="procrastinate",
        module=SYSTEMS + "procrastinate",
        packages=("procrastinate", "psycopg[binary]"),
        broker="postgresql",
        backlog_jobs=20_000,
        setup="2 processes of 4 threads, finished jobs deleted",
        durable=True,
        note="a job whose worker was killed stays until a periodic task of the application's retries stalled jobs",
        urgent="priority",
    ),
    Entry(
        name="pgqueuer",
        module=SYSTEMS + "pgqueuer",
        packages=("pgqueuer", "asyncpg", "uvloop"),
        broker="postgresql",
        backlog_jobs=200_000,
        setup="2 processes, coroutines in batches of 100",
        durable=True,
        note="what a killed worker had taken returns after its heartbeat has been missing for half a minute",
        urgent="priority, once a batch",
    ),
    Entry(
        name="django-tasks",
        module=SYSTEMS + "django_tasks_db",
        packages=("django-tasks-db", "django-tasks", "django", "psycopg[binary]"),
        broker="postgresql",
        backlog_jobs=10_000,
        setup="2 db_workers that look every 20 ms",
        durable=True,
        note="a job whose worker was killed stays marked as running; nothing takes it up",
        urgent="priority",
    ),
    Entry(
        name="django-q2",
        module=SYSTEMS + "django_q2",
        packages=("django-q2", "django", "psycopg[binary]"),
        broker="postgresql",
        backlog_jobs=10_000,
        setup="2 processes, 20 jobs a read, no results, a look every 20 ms",
        durable=True,
        note="what a killed worker had taken returns after `retry`, here a minute",
        urgent="none; a cluster of one more worker beside the two",
    ),
)
