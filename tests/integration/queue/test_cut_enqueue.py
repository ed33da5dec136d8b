"""Whoever enqueues, and what keeps house: the connection is cut in every statement that is made, before the server has
it and before the answer is there. Which statements there are is recorded in a run without cuts."""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import count

import pytest
from django.db import Error as DjangoError
from django.db import connections, transaction

from django_tandem import together
from django_tandem.queue import limits
from django_tandem.queue.tasks_api import task_backends
from tests.integration.queue import policies, tasks
from tests.proxy import SIDES, nth

HOUR = timedelta(hours=1)


# Ways to enqueue: each makes one job for each token, and tells those that its caller may count on.


def one_by_one(task, **using):
    def enqueue(tokens):
        for token in tokens:
            (task.using(**using) if using else task).enqueue(token)
            yield [token]

    return enqueue


def in_a_transaction(tokens):
    with transaction.atomic():
        for token in tokens:
            tasks.echo.enqueue(token)
    yield tokens


def all_together(tokens):
    with together():
        for token in tokens:
            tasks.echo.enqueue(token)
    yield tokens


def in_bulk(task):
    def enqueue(tokens):
        task_backends["default"].enqueue_many(task, [((token,), {}) for token in tokens])
        yield tokens

    return enqueue


# So many that a statement is prepared on the way, too.
EACH = 7
WAYS = {
    "plain": one_by_one(tasks.echo),
    "later": one_by_one(tasks.echo, run_after=datetime(2020, 1, 1, tzinfo=timezone.utc)),
    "expiring": one_by_one(policies.in_an_hour),
    "unique": one_by_one(policies.score),
    "replacing": one_by_one(policies.score_last),
    "limited": one_by_one(policies.ask),
    "in a transaction": in_a_transaction,
    "together": all_together,
    "in bulk": in_bulk(tasks.echo),
    "limited, in bulk": in_bulk(policies.ask),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_enqueue_whose_connection_is_cut_raises_and_its_job_is_there_once_or_not_at_all(
    proxied, database, hand, rows, jobs, way
):
    numbers, done_for, uncertain = count(), set(), set()

    def enqueue():
        """The tokens that were acknowledged, and those that were not."""
        connections["default"].close()
        tokens = [next(numbers) for _ in range(EACH)]
        acknowledged = set()
        with suppress(DjangoError):
            for sure in WAYS[way](tokens):
                acknowledged |= set(sure)
        return acknowledged, set(tokens) - acknowledged

    def there():
        found = Counter(row["token"] for row in rows("SELECT (arguments::json->0->>0)::int AS token FROM tandem_job"))
        assert set(found.values()) <= {1}
        return set(found)

    acknowledged, raised = enqueue()
    assert (there(), raised) == (acknowledged, set())
    statements = list(proxied.seen)
    assert any("tandem_job" in exchange.sql for exchange in statements)
    done_for |= acknowledged
    for number, exchange in enumerate(statements):
        for side in SIDES:
            with proxied.cutting(nth(number), side) as cut:
                acknowledged, raised = enqueue()
            context = f"{exchange}, cut {side}"
            assert cut.is_set(), context
            before = done_for | uncertain
            new = there() - before
            assert acknowledged <= new <= acknowledged | raised, context
            closing = exchange.how == "close" or exchange.sql.startswith("DEALLOCATE")
            assert raised or closing, context
            if side == "before" and "tandem_job" in exchange.sql and "limit_key" not in exchange.sql:
                assert len(new) < EACH, context
            if way.startswith("in "):
                assert new in (set(), acknowledged | raised), context  # all or none
            done_for |= acknowledged
            uncertain |= new - acknowledged

    expected = there()
    assert done_for <= expected <= done_for | uncertain
    while jobs():
        limits.sweep(database, "")
        hand.work(50)
    ends = Counter(row["token"] for row in rows("SELECT (arguments::json->0->>0)::int AS token FROM tandem_result"))
    assert ends == Counter(expected)


def test_a_caller_who_repeats_a_unique_enqueue_until_it_is_acknowledged_has_one_job(proxied, rows):
    def enqueue(token):
        connections["default"].close()
        return policies.score.enqueue(token)

    first = enqueue(0)
    for number in range(len(proxied.seen)):
        for side in SIDES:
            token = 1 + 2 * number + SIDES.index(side)
            with proxied.cutting(nth(number), side):
                try:
                    result = enqueue(token)
                except DjangoError:
                    result = enqueue(token)
            found = rows("SELECT id FROM tandem_job WHERE unique_key = %s", f"{policies.score.module_path} {token}")
            assert [str(row["id"]) for row in found] == [result.id] != [first.id]
