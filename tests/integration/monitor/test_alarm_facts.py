"""What alarms are judged by, as it is read of a database in which each thing is wrong."""

from contextlib import ExitStack

import pytest

from django_tandem.monitor import histogram
from django_tandem.monitor.alarm_facts import read
from django_tandem.monitor.alarm_rules import find
from django_tandem.queue import control, fence, lease
from django_tandem.queue.connect import connect
from django_tandem.queue.lease import LEASE
from tests.integration.queue.conftest import register


@pytest.fixture
def fleet(database):
    """Both servers live, and have for an hour."""
    servers = register(database, role="backoffice", host="h1"), register(database, role="async", host="h1")
    database.execute("UPDATE tandem_server SET started_at = started_at - interval '1 hour'")
    return servers


@pytest.fixture
def others_session(database):
    """A session of the database that calls itself so."""
    with ExitStack() as opened:
        yield lambda purpose: opened.enter_context(connect("default", purpose=purpose))


@pytest.fixture
def found(database, tandem, fleet):
    """What is wrong, by kind and subject."""
    return lambda: {(one.kind, one.subject): one for one in find(read(database, tandem))}


def grow_silent(database, server, seconds=16):
    database.execute(
        "UPDATE tandem_server SET heartbeat_at = heartbeat_at - make_interval(secs => %s) WHERE id = %s",
        [seconds, server],
    )


def test_in_an_empty_database_and_in_a_fleet_that_is_well_nothing_is_wrong(database, tandem):
    assert find(read(database, tandem)) == []
    register(database, role="backoffice")
    register(database)
    assert find(read(database, tandem)) == []


def test_load_is_of_the_newest_sample_that_is_fresh(found, sample):
    for ago, load in ((60, 9.0), (7, 1.0), (2, 3.5)):
        sample({"host": {"load": [load, 0, 0], "cores": 2}}, ago, "async", "h1", 1)
    sample({"host": {"load": [9.0, 9.0, 9.0], "cores": 2}}, 30, "async", "h2", 2)
    ((key, one),) = found().items()
    assert (key, one.text) == (("load", "h1"), "host h1 (async): a load of 3.5 on 2 cores")


def test_pages_are_those_of_three_minutes_with_the_view_that_takes_most(found, sample):
    views = {
        "loans.views.index": {"count": 30, "seconds": histogram.of([0.1] * 30)},
        "loans.views.report": {"count": 10, "seconds": histogram.of([4.0] * 10)},
    }
    slow = {"count": 40, "timeouts": 1, "seconds": histogram.of([0.1] * 30 + [4.0] * 10), "views": views}
    for ago in (2, 60, 170):
        sample({"pages": slow}, ago, "backoffice", "h1", 1)
    sample({"pages": {**slow, "timeouts": 50}}, 200, "backoffice", "h1", 1)
    sample({"pages": slow}, 30, "backoffice", "gone", 3)
    sample({"pages": {"count": 0, "timeouts": 0}}, 2, "backoffice", "h2", 2)
    told = found()
    assert set(told) == {("slow pages", "backoffice on h1"), ("timeouts", "backoffice on h1")}
    text = told["slow pages", "backoffice on h1"].text
    assert text.endswith("(120 in 3 min); the view loans.views.report takes most of it")
    assert "3 requests in 3 min" in told["timeouts", "backoffice on h1"].text


def test_queues_are_those_of_the_fleets_newest_sample(found, sample, database, fleet):
    queues = {"default": {"ready": 3, "oldest_s": 70.0}}
    sample({"queues": {"default": {"ready": 0, "oldest_s": None}}}, 12)
    sample({"queues": queues})
    assert set(found()) == {("late jobs", "default")}
    control.pause("queue", "default", by="Ada")
    assert found()["late jobs", "default"].text.startswith("queue default is paused by Ada: 3 jobs are ready")
    control.resume("queue", "default")
    lease.renew(database, fleet[1], "draining")
    assert set(found()) == {("no consumer", "default")}


def test_a_server_that_others_had_to_stop_is_silent_and_one_that_retired_is_not(found, database, fleet):
    other = register(database, host="h2")
    lease.retire(database, other)
    assert found() == {}
    silent = register(database, host="h3")
    grow_silent(database, silent)
    assert set(found()) == {("silent server", "async on h3")}
    lease.rescue_silent(database, LEASE)
    lease.rescue_silent(database, LEASE)
    assert set(found()) == {("silent server", "async on h3")}
    lease.retire(database, silent)  # somebody saw to it
    assert found() == {}


def test_a_server_that_was_only_frozen_is_not_silent_any_more(found, database, fleet):
    grow_silent(database, fleet[1])
    lease.rescue_silent(database, LEASE)
    assert ("silent server", "async on h1") in found()
    lease.renew(database, fleet[1], "active")
    assert found() == {}


def test_a_role_is_missed_when_its_last_server_has_retired(found, database, fleet):
    lease.retire(database, fleet[0])
    assert set(found()) == {("silent server", "backoffice")}
    database.execute("UPDATE tandem_server SET heartbeat_at = heartbeat_at - interval '2 days' WHERE state = 'stopped'")
    assert found() == {}


def test_an_orphan_is_seen_by_its_heartbeat_and_by_its_sessions(found, database, others_session):
    orphan = register(database, host="h4", release="r0", state="standby")
    assert set(found()) == {("orphan", f"h4:{_pid(database, orphan)}, {orphan}")}
    lease.retire(database, orphan)
    assert found() == {}
    others_session(f"worker {orphan}-4711")
    assert [kind for kind, _ in found()] == ["orphan"]


def test_a_schedule_is_missed_a_minute_after_its_time_unless_it_is_paused(found, database):
    database.execute(
        "INSERT INTO tandem_schedule (name, task, expression, zone, missed, next_at, paused_by)"
        " SELECT name, 'x.y', '0 0 * * *', 'UTC', 'once', clock_timestamp() - late, paused_by FROM (VALUES"
        " ('late', interval '2 minutes', NULL), ('now', interval '5 seconds', NULL),"
        " ('paused', interval '2 minutes', 'Ada'), ('next', interval '-1 hour', NULL)) AS row (name, late, paused_by)"
    )
    assert set(found()) == {("missed schedule", "late")}


def test_settings_that_differ_within_a_role_and_a_release_that_stays_behind(found, database):
    register(database, host="h2", config_digest="other")
    assert set(found()) == {("releases differ", "async")}
    fence.activate(database, "r9")
    kinds = {kind for kind, _ in found()}
    assert "releases differ" in kinds
    assert "orphan" in kinds


def _pid(database, server):
    return database.execute("SELECT pid FROM tandem_server WHERE id = %s", [server]).fetchone()[0]
