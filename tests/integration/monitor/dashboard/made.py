"""Jobs as the queue leaves them, written at once: what pages show."""

import json

from django_tandem import task
from django_tandem.queue.states import State

JOBS = """
INSERT INTO tandem_job (
    id, queue, task, arguments, backend, priority, state, attempt, due, enqueued_at, server, worker, claimed_at, history
)
SELECT id, %(queue)s, %(task)s, coalesce(%(arguments)s, '[[' || id || '],{}]'), 'default', %(priority)s, %(state)s,
    CASE %(state)s WHEN 2 THEN 1 ELSE 0 END, clock_timestamp() - %(age)s::interval,
    clock_timestamp() - %(age)s::interval, %(server)s::bigint, %(worker)s::integer,
    CASE %(state)s WHEN 2 THEN clock_timestamp() - %(age)s::interval END, NULL
FROM generate_series(%(first)s, %(last)s) AS id
"""

RESULTS = """
INSERT INTO tandem_result (
    id, queue, task, arguments, backend, priority, state, attempt, worker, server, enqueued_at, started_at,
    last_attempted_at, finished_at, history, return_value
)
SELECT id, %(queue)s, %(task)s, coalesce(%(arguments)s, '[[' || id || '],{}]'), 'default', %(priority)s, %(state)s, 1,
    7, 1, clock_timestamp() - interval '2 s', clock_timestamp() - interval '2 s', clock_timestamp() - interval '2 s',
    clock_timestamp(), %(history)s, %(returned)s
FROM generate_series(%(first)s, %(last)s) AS id
"""

SERVERS = """
INSERT INTO tandem_server (role, host, pid, release, config_digest, state, heartbeat_at)
VALUES (%(role)s, 'here', 1, 'test', 'x', %(state)s, clock_timestamp() - %(silent)s::interval) RETURNING id
"""


@task(timeout=3600)
def long():
    """One with a timeout."""


def jobs(database, first, count=1, *, state=State.READY, queue="default", task="tests.jobs.add", **given):
    """Unfinished jobs with ids from `first` on; their ids."""
    usual = {"priority": 0, "arguments": None, "age": "1 s", "server": None, "worker": None}
    return _put(database, JOBS, first, count, {"state": int(state), "queue": queue, "task": task, **usual, **given})


def results(database, first, count=1, *, error=None, text="Traceback: no", **given):
    """Finished jobs; those with an `error`, the path of an exception, have failed with it."""
    past = {"worker": "1-7", "began": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:01+00:00"}
    usual = {"queue": "default", "task": "tests.jobs.add", "priority": 0, "arguments": None, "returned": None}
    state = State.SUCCESSFUL if error is None else State.FAILED
    history = None if error is None else json.dumps([{**past, "error": {"class": error, "text": text}}])
    return _put(database, RESULTS, first, count, {**usual, "state": int(state), "history": history, **given})


def server(database, *, role="async", state="active", silent="0 s"):
    """A server of the release that is live; its id."""
    ((number,),) = database.execute(SERVERS, {"role": role, "state": state, "silent": silent}).fetchall()
    return number


def _put(database, query, first, count, row):
    database.execute(query, {**row, "first": first, "last": first + count - 1})
    return list(range(first, first + count))
