"""However many jobs there are, a page reads a bounded number of them: by what PostgreSQL says it read."""

import json
import re
from datetime import date, timedelta

import pytest
from django.db import connection, transaction

from django_tandem.monitor.dashboard import bulk, failed, queue_facts, tasks
from django_tandem.queue import control, scheduler
from django_tandem.queue.control import Jobs
from django_tandem.queue.states import State
from tests.integration.monitor.dashboard import made

MANY = 50_000
DAYS = 5
LOOKED = 1_000

# Of waiting and of finished jobs as many, and what is listed.
BOUND = 2 * LOOKED + 300

PAGES = [
    "tasks/",
    "tasks/?before=30000",
    "tasks/?after=30000",
    "tasks/?queue=none",
    "tasks/?queue=none&before=30000",
    "tasks/?queue=none&after=30000",
    "tasks/?task=none&priority=50",
    "tasks/?text=none",
    "tasks/?state=successful",
    "tasks/?state=successful&task=none",
    "tasks/?state=failed",
    "tasks/?state=failed&queue=none",
    "tasks/?error=none",
    *(f"tasks/?state={state}" for state in ("scheduled", "ready", "limited", "paused", "running")),
    *(f"tasks/?state={state}&queue=none" for state in ("scheduled", "ready", "limited", "paused", "running")),
    "tasks/running/",
    "tasks/failed/",
    "tasks/70000/",
    "tasks/30000/",
    "tasks/retry/?state=failed",
    "tasks/cancel/?state=ready",
    "queues/",
]


@pytest.fixture
def many(database, monkeypatch):
    """Results of some days, of which few failed, and ready jobs, of which few run."""
    for ahead in range(1, DAYS):
        day = date.today() - timedelta(days=ahead)  # noqa: DTZ011 - any days will do
        scheduler._make_partition(database, f"tandem_result_{day:%Y%m%d}", day)
    made.results(database, 1, MANY, arguments="[[],{}]")
    made.results(database, MANY + 1, 20, error="builtins.ValueError")
    database.execute("UPDATE tandem_result SET finished_at = finished_at - (id %% %s) * interval '1 day'", [DAYS])
    made.jobs(database, MANY + 100, MANY)
    made.jobs(database, 2 * MANY + 200, 5, state=State.RUNNING, server=1, worker=1)
    database.execute("VACUUM ANALYZE tandem_job, tandem_result")
    for module in (tasks, failed):
        for name in ("LOOKED", "LOOKED_FOR_TEXT", "LOOKED_FOR_ERROR"):
            monkeypatch.setattr(module, name, LOOKED, raising=False)
    monkeypatch.setattr(bulk, "COUNTED", LOOKED)
    monkeypatch.setattr(queue_facts, "COUNTED", LOOKED)


def asked(act):
    """What `act` asks of the queue's tables."""
    seen = []

    def look(execute, query, parameters, is_many, context):
        if re.search(rb"tandem_(job|result)", query if isinstance(query, bytes) else query.encode()):
            seen.append((query if isinstance(query, bytes) else query.encode(), parameters))
        return execute(query, parameters, is_many, context)

    with connection.execute_wrapper(look):
        act()
    return seen


def plan(query, parameters, how=b"ANALYZE, "):
    with connection.cursor() as cursor:
        cursor.execute(b"EXPLAIN (" + how + b"FORMAT JSON) " + query, parameters)
        ((found,),) = cursor.fetchall()
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def read(node):
    """Rows of tables that a plan's scans looked at."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return (node["Actual Rows"] + removed) * node["Actual Loops"] if "Relation Name" in node else 0


def test_no_page_reads_more_than_its_bound(ada, many):
    too_much = {}
    for page in PAGES:
        queries = asked(lambda page=page: ada.text(f"/tandem/{page}"))
        assert queries, page
        rows = sum(read(node) for query in queries for node in nodes(plan(*query)))
        if rows > BOUND:
            too_much[page] = rows
    assert too_much == {}


def test_a_retry_does_not_read_what_succeeded(many):
    with transaction.atomic():
        queries = asked(lambda: control.retry(Jobs(state=State.FAILED)))
        transaction.set_rollback(True)
    with transaction.atomic():
        found = list(nodes(plan(*queries[0])))
        transaction.set_rollback(True)
    assert 20 <= sum(read(node) for node in found) < 200
