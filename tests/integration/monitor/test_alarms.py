"""Alarms open when they have held, are told once, and end when it is well; however many look."""

import json
import threading
from datetime import datetime, timedelta, timezone

import pytest
from psycopg import Rollback
from psycopg.types.json import Jsonb

from django_tandem.monitor import alarms
from django_tandem.monitor.alarm_rules import KINDS, LATE, LOAD, MISSED, ORPHAN, TIMEOUTS, Finding
from django_tandem.queue import fence
from django_tandem.queue.connect import connect
from tests.integration.monitor.conftest import RELEASE
from tests.integration.queue.conftest import register

ALL = list(KINDS)
BUSY = Finding(LOAD, "h1", "host h1: a load of 5.0 on 4 cores", "look")
LATE_JOBS = Finding(LATE, "default", "queue default: 7 jobs are ready", "more slots")
AT_ONCE = Finding(TIMEOUTS, "backoffice on h1", "3 requests ended with 504", "look")


@pytest.fixture
def told(database, settings):
    """What was told, by notices: (event, facts), oldest first."""
    settings.TANDEM_NOTICES = {"chat": ["alarm", "alarm over", "orphan"]}

    def told():
        rows = database.execute("SELECT arguments FROM tandem_job WHERE task LIKE '%%.deliver' ORDER BY id").fetchall()
        facts = [json.loads(arguments)[0][1] for (arguments,) in rows]
        return [(one["event"], one) for one in facts]

    yield told
    database.execute("DELETE FROM tandem_notice")


@pytest.fixture
def keep(database):
    """Look once, and find these."""

    def keep(*found, kinds=ALL):
        with database.transaction():
            alarms.keep(database, found, kinds)
        return [(one.kind, one.subject) for one in alarms.open_now()]

    return keep


@pytest.fixture
def later(database):
    """Let time pass: all that was written was so much earlier."""

    def later(seconds):
        database.execute(
            "UPDATE tandem_alarm SET since = since - %(span)s, seen_at = seen_at - %(span)s,"
            " opened_at = opened_at - %(span)s, ended_at = ended_at - %(span)s",
            {"span": timedelta(seconds=seconds)},
        )

    return later


def times(later, keep, seconds, *found):
    """Look every 5 s for so long; what is open then."""
    for _ in range(0, seconds, 5):
        later(5)
        keep(*found)
    return [(one.kind, one.subject) for one in alarms.open_now()]


def test_an_alarm_opens_when_it_has_held_for_its_time_and_tells_how_it_is_now(keep, later, told):
    assert keep(BUSY) == []
    assert times(later, keep, 290, BUSY) == []
    worse = BUSY._replace(text="host h1: a load of 9.0 on 4 cores")
    assert times(later, keep, 10, worse) == [(LOAD, "h1")]
    (one,) = alarms.open_now()
    assert (one.text, one.todo) == (worse.text, "look")
    assert 295 <= (datetime.now(timezone.utc) - one.since).total_seconds() < 400
    times(later, keep, 20, BUSY)
    ((event, facts),) = told()
    assert (event, facts["text"]) == ("alarm", "host h1: a load of 9.0 on 4 cores; look")
    assert facts["alarm"]["kind"] == LOAD
    assert alarms.open_now()[0].text == BUSY.text


def test_what_stops_before_its_time_is_no_alarm_and_begins_anew(keep, later, told):
    keep(LATE_JOBS)
    times(later, keep, 25, LATE_JOBS)
    times(later, keep, 25)
    times(later, keep, 25, LATE_JOBS)
    assert times(later, keep, 25) == []
    assert told() == []
    assert alarms.newest() == []


def test_what_nobody_saw_for_a_while_did_not_hold_meanwhile(keep, later):
    keep(LATE_JOBS)
    later(300)  # all keepers were gone
    assert keep(LATE_JOBS) == []
    assert times(later, keep, 35, LATE_JOBS) == [(LATE, "default")]


def test_an_alarm_ends_when_it_has_been_well_for_its_time_and_not_at_the_first_good_look(keep, later, told):
    keep(AT_ONCE)
    assert times(later, keep, 55) == [(TIMEOUTS, "backoffice on h1")]
    keep(AT_ONCE)
    assert times(later, keep, 55) == [(TIMEOUTS, "backoffice on h1")]
    assert times(later, keep, 10) == []
    assert [event for event, _ in told()] == ["alarm", "alarm over"]
    assert told()[1][1]["text"] == f"over: {AT_ONCE.text}"
    (past,) = alarms.newest()
    assert past.ended_at is not None


def test_the_next_time_it_is_another_alarm(keep, later, told):
    for _ in range(2):
        keep(AT_ONCE)
        times(later, keep, 70)
    assert [event for event, _ in told()] == ["alarm", "alarm over"] * 2
    assert len(alarms.newest()) == 2


def test_what_is_not_known_ends_nothing(keep, later):
    keep(AT_ONCE)
    for _ in range(30):
        later(5)
        keep(kinds=[LOAD])
    assert [one.kind for one in alarms.open_now()] == [TIMEOUTS]
    assert keep() == []


def test_an_orphan_is_told_by_the_notice_of_the_pipeline_and_once_for_both(keep, later, told, database):
    server = {"server": "h1:7"}
    told_by = ("orphan h1:7 of r0, server 3", {"server": server})
    orphan = Finding(ORPHAN, "h1:7, 3", "orphan: async of r0 (h1:7)", "tandem servers stop h1:7", *told_by)
    keep(orphan)
    times(later, keep, 35, orphan)
    ((event, facts),) = told()
    assert (event, facts["server"]) == ("orphan", server)
    database.execute("DELETE FROM tandem_alarm")
    times(later, keep, 40, orphan)
    assert len(told()) == 1


def test_an_alarm_and_its_notice_are_there_together_or_not_at_all(database, told):
    with database.transaction():
        alarms.keep(database, [AT_ONCE], ALL)
        assert len(told()) == 1
        raise Rollback
    assert (told(), alarms.open_now()) == ([], [])


def test_old_ones_are_forgotten_and_what_is_open_is_not(keep, later, database):
    keep(AT_ONCE)
    times(later, keep, 70)
    keep(AT_ONCE)
    later(91 * 86_400)
    keep(AT_ONCE, AT_ONCE._replace(subject="backoffice on h2"))
    assert [(one.subject, one.ended_at) for one in alarms.newest()] == [
        ("backoffice on h2", None), ("backoffice on h1", None),
    ]  # fmt: skip


@pytest.fixture
def missed(database):
    """A schedule that did not fire; nothing else is wrong."""
    register(database)
    database.execute(
        "INSERT INTO tandem_schedule (name, task, expression, zone, missed, next_at)"
        " VALUES ('nightly', 'x.nightly', '0 0 * * *', 'UTC', 'once', clock_timestamp() - interval '2 minutes')"
    )


def test_a_look_finds_what_is_wrong_and_writes_it(database, tandem, missed, later):
    alarms.look(database, tandem)
    later(40)
    database.execute("UPDATE tandem_alarm SET seen_at = clock_timestamp()")
    alarms.look(database, tandem)
    assert [(one.kind, one.subject) for one in alarms.open_now()] == [(MISSED, "nightly")]


def test_of_many_who_look_at_once_one_does_and_each_alarm_is_one(database, tandem, missed, later, told):
    alarms.look(database, tandem)
    later(40)
    database.execute("UPDATE tandem_alarm SET seen_at = clock_timestamp()")
    together = threading.Barrier(6)

    def look():
        with connect("default", purpose="look") as connection:
            together.wait()
            for _ in range(5):
                alarms.look(connection, tandem)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(one.kind, one.subject) for one in alarms.open_now()] == [(MISSED, "nightly")]
    assert [event for event, _ in told()] == ["alarm"]


def test_while_another_looks_nothing_is_done_and_nothing_waits(database, tandem, missed):
    with connect("default", purpose="other") as other, other.transaction():
        alarms.look(other, tandem)
        alarms.look(database, tandem)
        assert database.execute("SELECT count(*) FROM tandem_alarm").fetchone() == (0,)


def test_a_release_that_is_not_live_does_not_judge_where_the_live_one_does(database, tandem, missed):
    old = tandem.model_copy(update={"release": "r0"})
    alarms.look(database, old)
    assert database.execute("SELECT count(*) FROM tandem_alarm").fetchone() == (0,)
    database.execute("UPDATE tandem_server SET heartbeat_at = heartbeat_at - interval '1 minute'")
    alarms.look(database, old)
    assert database.execute("SELECT count(*) FROM tandem_alarm").fetchone()[0] > 0


def test_a_look_reads_no_more_where_there_are_many_samples(database, tandem):
    """It is made every five seconds: of a fleet of eight servers, with all samples that are kept."""
    fence.activate(database, RELEASE)
    facts = {"host": {"load": [1, 1, 1], "cores": 2}, "pages": {"count": 1, "timeouts": 0}}
    database.execute(
        "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
        " SELECT 5, clock_timestamp() - number * interval '5 seconds', server, 'backoffice', 'h' || server, 'test', %s"
        " FROM generate_series(1, 2000) AS number, generate_series(1, 8) AS server",
        [Jsonb(facts)],
    )
    database.execute("ANALYZE tandem_sample")
    read_before = _rows_read(database)
    alarms.look(database, tandem)
    assert _rows_read(database) - read_before < 3 * 8 * 180 / 5


def _rows_read(database):
    """Of samples, by sequential scans and by index, so far."""
    database.execute("SELECT pg_stat_force_next_flush()")
    row = database.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'tandem_sample'"
    ).fetchone()
    return row[0]
