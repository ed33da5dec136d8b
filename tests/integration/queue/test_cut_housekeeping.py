"""What keepers, schedulers, rescuers and operators do: the connection is cut in every statement of it, before the
server has it and before the answer is there; done again, as they do it again, it has been done once."""

import psycopg
import pytest
from django.db import Error as DjangoError
from django.db import connections
from psycopg import sql

from django_tandem import cron
from django_tandem.errors import TandemError
from django_tandem.queue import control, fence, firing, lease, limits, recurring, scheduler
from django_tandem.queue.connect import connect
from django_tandem.queue.control import Jobs
from django_tandem.queue.statements import statement
from tests import jobs as shared
from tests.integration.queue import policies
from tests.integration.queue.conftest import RELEASE
from tests.proxy import SIDES, nth
from tests.waiting import until

ADD, FAIL = shared.add.module_path, shared.fail.module_path


class House:
    """Brings about what there is to see to. `hand` has its connection past the proxy."""

    def __init__(self, hand):
        self.hand = hand
        self.database = hand.connection

    def begun(self, number=4):
        for value in range(number):
            shared.add.enqueue(value)
        return [job.id for job in self.hand.claim(number)]

    def waiting(self, change):
        for value in range(3):
            shared.add.enqueue(value)
        self.database.execute(sql.SQL("UPDATE tandem_job SET {}").format(sql.SQL(change)))


# Each: makes ready, and returns what is to be done with a connection of the queue's own.


def put_back(house):
    begun = house.begun()
    return lambda connection: lease.put_back(connection, *house.hand.owner, begun[:2])


def put_back_a_suspect(house):
    begun = house.begun()
    house.database.execute("UPDATE tandem_job SET deaths = 2 WHERE id = %s", [begun[0]])
    return lambda connection: lease.put_back(connection, *house.hand.owner, begun[:3])


def retire(house):
    house.begun()
    return lambda connection: lease.retire(connection, house.hand.owner.server)


def rescue(house):
    house.begun()
    house.database.execute("UPDATE tandem_server SET heartbeat_at = now() - interval '1 min'")
    return lease.rescue_silent


def renew(house):
    house.database.execute("UPDATE tandem_server SET heartbeat_at = now() - interval '1 min'")
    return lambda connection: lease.renew(connection, house.hand.owner.server, "draining")


def promote(house):
    house.waiting("state = 0, due = now()")
    return scheduler.promote


def expire(house):
    house.waiting("expires_at = now()")
    return scheduler.expire


def unpark(house):
    house.waiting("state = 6")
    return scheduler.unpark


def end_cancelled(house):
    house.waiting("cancelled_by = 'Ada'")
    return scheduler.end_cancelled


def make_partitions(house):
    names = sorted(name for (name,) in house.database.execute(statement("results", "partitions")))
    for name in names[-2:]:
        if name != "tandem_result_rest":
            house.database.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return scheduler.make_partitions


def sweep(house):
    for number in range(4):
        policies.ask.enqueue(number)
    house.database.execute("UPDATE tandem_job SET state = 5")
    return lambda connection: limits.sweep(connection, "")


def activate(house):
    return lambda connection: fence.activate(connection, "next")


def take_the_fence(house):
    house.database.execute("UPDATE tandem_fence SET release = NULL")
    return lambda connection: fence.take_if_empty(connection, "next")


def cancel(house):
    house.begun(2)
    shared.add.enqueue(9)
    return lambda _: control.cancel(Jobs(every=True), by="Ada")


def retry(house):
    for _ in range(3):
        shared.fail.enqueue("no")
    house.hand.work(3)
    return lambda _: control.retry(Jobs(task=FAIL))


def pause(house):
    house.waiting("priority = 1")
    return lambda _: control.pause("task", ADD, by="Ada")


def resume(house):
    house.waiting("priority = 1")
    control.pause("task", ADD, by="Ada")
    return lambda _: control.resume("task", ADD)


def pause_queue(house):
    return lambda _: control.pause("queue", "default", by="Ada")


def resume_queue(house):
    house.waiting("priority = 1")
    control.pause("queue", "default", by="Ada")
    return lambda _: control.resume("queue", "default")


def sync_schedules(house):
    cron("0 0 1 1 *", name="new")(shared.add)
    house.database.execute("INSERT INTO tandem_schedule VALUES ('old', 'x', '* * * * *', 'UTC', 'skip')")
    return lambda _: firing.sync(RELEASE)


def fire(house):
    cron("0 0 1 1 *", name="yearly", args=(1,))(shared.add)
    firing.sync(RELEASE)
    house.database.execute("UPDATE tandem_schedule SET next_at = date_trunc('year', now())")

    def fire_all(_):
        while firing.fire_next(RELEASE):
            pass

    return fire_all


DUTIES = (
    put_back, put_back_a_suspect, retire, rescue, renew, promote, expire, unpark, end_cancelled, make_partitions, sweep,
    activate, take_the_fence, cancel, retry, pause, resume, pause_queue, resume_queue, sync_schedules, fire,
)  # fmt: skip

SESSIONS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tandem test of housekeeping'
"""

# Everything that may change, without ids and times.
STATE = """
    SELECT 'job', row_to_json(j)::text FROM (
        SELECT task, queue, state, attempt, forgiven, deaths, server IS NULL AS free, cancelled_by,
            json_array_length(history::json) AS past
        FROM tandem_job) AS j
    UNION ALL SELECT 'result', row_to_json(r)::text FROM (
        SELECT task, state, attempt, json_array_length(history::json) AS past FROM tandem_result) AS r
    UNION ALL SELECT 'server', state || (heartbeat_at > now() - interval '30 s') FROM tandem_server
    UNION ALL SELECT 'fence', release || ' ' || epoch FROM tandem_fence
    UNION ALL SELECT 'pause', kind || name FROM tandem_pause
    UNION ALL SELECT 'schedule', name || (next_at > now()) FROM tandem_schedule
    UNION ALL SELECT 'firing', schedule || fire_at || (job IS NOT NULL) FROM tandem_firing
    UNION ALL SELECT 'partitions', count(*)::text FROM pg_inherits WHERE inhparent = 'tandem_result'::regclass
    ORDER BY 1, 2"""


@pytest.fixture
def start_anew(database, hand, monkeypatch):
    """Empty tables, and the server and the fence as they were."""

    def start_anew():
        monkeypatch.setattr(recurring, "_schedules", {})
        for table in ("tandem_job", "tandem_result", "tandem_pause", "tandem_schedule", "tandem_firing"):
            database.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        database.execute("UPDATE tandem_server SET state = 'active', heartbeat_at = now()")
        database.execute("UPDATE tandem_fence SET release = %s, epoch = 1", [RELEASE])

    yield start_anew
    start_anew()
    scheduler.make_partitions(database)


@pytest.mark.parametrize("duty", DUTIES, ids=lambda duty: duty.__name__)
def test_what_is_cut_off_and_done_again_has_been_done_once(proxied, database, hand, start_anew, duty):
    def do_it(attempts=3):
        connections["default"].close()
        for _ in range(attempts):
            try:
                with connect("default", purpose="test of housekeeping") as connection:
                    return act(connection)
            except (psycopg.Error, DjangoError, TandemError):
                connections["default"].close()
                # What its session holds locked, who comes next passes over.
                until(lambda: not database.execute(SESSIONS).fetchall())
        raise AssertionError("it never came to an end")

    start_anew()
    act = duty(House(hand))
    before = database.execute(STATE).fetchall()
    proxied.seen.clear()
    do_it(attempts=1)
    statements, expected = list(proxied.seen), database.execute(STATE).fetchall()
    assert expected != before
    for number, exchange in enumerate(statements):
        for side in SIDES:
            start_anew()
            act = duty(House(hand))
            with proxied.cutting(nth(number), side) as cut:
                do_it()
            assert cut.is_set(), f"{exchange}, cut {side}"
            assert database.execute(STATE).fetchall() == expected, f"{exchange}, cut {side}"
