"""What all servers share is written once a slot, by whoever comes first; jobs are not counted all the time."""

import threading

import pytest

from django_tandem.monitor import fleet
from django_tandem.queue import counts, pressure
from django_tandem.queue.connect import connect
from django_tandem.queue.states import State
from tests.jobs import nothing
from tests.waiting import until


@pytest.fixture
def slots(database):
    """The slots of now and of later, which the clock of the database has."""
    ((now,),) = database.execute("SELECT extract(epoch FROM clock_timestamp())::bigint")
    return [now - now % 5 + 5 * number for number in range(10)]


@pytest.fixture
def another(database):
    with connect("default", purpose="another") as connection:
        yield connection


def facts(database):
    return [row[0] for row in database.execute("SELECT facts FROM tandem_sample WHERE server = 0 ORDER BY at")]


def test_of_two_servers_one_writes(database, another, slots):
    assert fleet.write(database, slots[0])
    assert not fleet.write(another, slots[0])
    assert fleet.write(another, slots[1])
    assert len(facts(database)) == 2


def test_while_one_writes_another_does_not_wait(database, another, slots, monkeypatch):
    begun, gate, written = threading.Event(), threading.Event(), []
    count = counts.priorities

    def slow(connection):
        begun.set()
        assert gate.wait(20)
        return count(connection)

    monkeypatch.setattr(counts, "priorities", slow)
    thread = threading.Thread(target=lambda: written.append(fleet.write(database, slots[0])))
    thread.start()
    assert begun.wait(20)
    assert not fleet.write(another, slots[0])
    gate.set()
    thread.join()
    assert written == [True]
    assert len(facts(another)) == 1


def test_queues_are_counted_by_state_and_by_priority(database, slots):
    for priority in (0, 0, 7):
        nothing.using(priority=priority).enqueue()
    for state in (State.LIMITED, State.RUNNING, State.SCHEDULED, State.PAUSED, State.PAUSED):
        job = nothing.enqueue()
        database.execute("UPDATE tandem_job SET state = %s WHERE id = %s", [int(state), int(job.id)])
    database.execute("UPDATE tandem_job SET enqueued_at = enqueued_at - interval '1 minute' WHERE priority = 7")
    assert fleet.write(database, slots[0])
    (row,) = facts(database)
    queue = row["queues"]["default"]
    assert {state: queue[state] for state in counts.STATES} == {
        "ready": 3, "scheduled": 1, "running": 1, "limited": 1, "paused": 2,
    }  # fmt: skip
    assert {priority: one["ready"] for priority, one in queue["priorities"].items()} == {"0": 2, "7": 1}
    assert queue["priorities"]["7"]["oldest_s"] == queue["oldest_s"] >= 60 > queue["priorities"]["0"]["oldest_s"]
    assert row["counted_at"].endswith("+00:00")


def test_the_database_is_seen_with_who_waits_and_for_how_long_one_is_open(database, another, slots):
    database.execute("CREATE TEMPORARY TABLE mine (a int)")
    with connect("default", purpose="waits") as waits, database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(4711)")
        thread = threading.Thread(target=lambda: waits.execute("SELECT pg_advisory_lock(4711)"))
        thread.start()
        pid = waits.info.backend_pid
        until(
            lambda: (
                another.execute("SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
                == ("Lock",)
            )
        )
        assert fleet.write(another, slots[0])
    thread.join()
    seen = facts(database)[0]["database"]
    assert seen["waiting"] == 1
    assert seen["connections"] >= 3
    assert seen["most_connections"] == int(database.execute("SHOW max_connections").fetchone()[0])
    assert 0 < seen["oldest_transaction_s"] < 60


def test_a_count_that_took_long_stands_for_long(database, slots, monkeypatch):
    nothing.enqueue()
    fleet.write(database, slots[0])
    database.execute("UPDATE tandem_sample SET facts = facts || '{\"counted_s\": 5}'")
    nothing.enqueue()
    fleet.write(database, slots[1])
    first, second = facts(database)
    assert second["queues"] == first["queues"]
    assert (second["counted_at"], second["counted_s"]) == (first["counted_at"], 5)
    monkeypatch.setattr(fleet, "COUNT_PAUSE", 0)
    fleet.write(database, slots[2])
    assert facts(database)[2]["queues"]["default"]["ready"] == 2


def test_a_count_that_takes_longer_than_it_may_leaves_what_was_known(database, slots, monkeypatch):
    monkeypatch.setattr(fleet, "COUNT_PAUSE", 0)
    nothing.enqueue()
    fleet.write(database, slots[0])

    def too_long(connection):
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 1")
            connection.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(counts, "priorities", too_long)
    assert fleet.write(database, slots[1])
    first, second = facts(database)
    assert second["queues"] == first["queues"]
    assert second["database"]


def test_what_each_servers_metrics_tell_too(database, slots):
    assert fleet.shared(database) == {"alarms": {}}
    nothing.enqueue()
    pressure.tell(database, "async", 2, "pages are slow")
    fleet.write(database, slots[0])
    database.execute(
        "INSERT INTO tandem_alarm (kind, subject, text, todo, opened_at, ended_at)"
        " VALUES ('load', 'a', '', '', now(), NULL), ('load', 'b', '', '', now(), NULL),"
        " ('load', 'c', '', '', NULL, NULL), ('old', '', '', '', now(), now())"
    )
    told = fleet.shared(database)
    assert told["alarms"] == {"load": 2}
    assert told["pressure"] == {"async": {"level": 2, "why": "pages are slow"}}
    assert told["queues"]["default"]["ready"] == 1
