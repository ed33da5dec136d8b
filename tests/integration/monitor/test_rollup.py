"""Five seconds become a minute, minutes an hour: each once, all of them, and what is old goes."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from django_tandem.monitor import audit, histogram, rollup
from django_tandem.queue.connect import connect

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def now(database):
    return database.execute("SELECT clock_timestamp()").fetchone()[0]


@pytest.fixture
def minute(now):
    """The last minute that is over and may be rolled up."""
    at = now - timedelta(seconds=rollup.GRACE_S) - MINUTE
    return at.replace(second=0, microsecond=0)


def sample(count=1, load=0.5, seconds=0.1):
    views = {"home": {"count": count, "errors_5xx": 0, "seconds": histogram.of([seconds] * count)}}
    return {"host": {"load": [load] * 3, "cores": 2}, "pages": {"count": count, "views": views}}


@pytest.fixture
def write(database):
    def write(at, facts, resolution=5, server=1, release="r1"):
        database.execute(
            "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
            " VALUES (%s, %s, %s, 'backoffice', 'a', %s, %s)",
            [resolution, at, server, release, Jsonb(facts)],
        )

    return write


@pytest.fixture
def rows(database):
    def rows(resolution):
        """When, of which server, how many requests and the highest load."""
        return database.execute(
            "SELECT at, server, facts -> 'pages' -> 'count', facts -> 'host' -> 'load' -> 0 FROM tandem_sample"
            " WHERE resolution = %s ORDER BY at, server",
            [resolution],
        ).fetchall()

    return rows


def test_a_minute_is_made_of_its_rows_and_of_no_others_by_server(database, minute, write, rows):
    for second in range(-5, 65, 5):
        write(minute + timedelta(seconds=second), sample(load=second / 100))
    write(minute, sample(count=10), server=2)
    rollup.turn(database)
    assert [row for row in rows(60) if row[0] == minute] == [(minute, 1, 12, 0.55), (minute, 2, 10, 0.5)]
    ((facts,),) = database.execute("SELECT facts FROM tandem_sample WHERE resolution = 60 AND at = %s AND server = 1",
                                   [minute])  # fmt: skip
    assert facts["pages"]["views"]["home"]["seconds"]["count"] == 12


def test_a_minute_that_is_not_over_waits(database, now, write, rows):
    write(now.replace(second=0, microsecond=0), sample())
    rollup.turn(database)
    assert rows(60) == []


def test_again_it_is_the_same_and_two_at_once_are_as_one(database, minute, write, rows):
    write(minute, sample())
    with connect("default", purpose="another") as another, another.transaction():
        another.execute("SELECT pg_advisory_xact_lock(%s)", [rollup.LOCK])
        rollup.turn(database)
        assert rows(60) == []
    for _ in range(3):
        rollup.turn(database)
    assert rows(60) == [(minute, 1, 1, 0.5)]


def test_after_a_pause_all_is_made_in_turns_and_the_hours_after_the_minutes(database, now, write, rows):
    """Also where the pause was longer than fine rows are kept: what is not rolled up is not forgotten."""
    first = now.replace(minute=0, second=0, microsecond=0) - 6 * HOUR
    minutes = [first + number * MINUTE for number in range(0, 150, 5)]
    for at in minutes:
        write(at, sample())
    turns = 0
    while len(rows(60)) < len(minutes):
        rollup.turn(database)
        turns += 1
        assert len(rows(60)) <= turns * rollup.MOST_MADE
    rollup.turn(database)
    assert [at for at, *_ in rows(60)] == minutes
    assert [(at, count) for at, _, count, _ in rows(3600)] == [(first, 12), (first + HOUR, 12), (first + 2 * HOUR, 6)]
    rollup.turn(database)
    assert [at for at, *_ in rows(5)] == [minutes[-1]]  # the newest stays until a later one is rolled up


def test_rows_that_come_late_are_in_what_was_made_without_them(database, now, write, rows, monkeypatch):
    at = now.replace(minute=0, second=0, microsecond=0) - HOUR
    write(at, sample(count=1))
    write(at, sample(count=5), server=2)
    monkeypatch.setattr(rollup, "GRACE_S", 0)  # the hour may just have begun
    rollup.turn(database)
    write(at + timedelta(seconds=5), sample(count=2))
    rollup.again(database, [int(at.timestamp()) + 5], int(now.timestamp()))
    assert [row[1:3] for row in rows(60)] == [(1, 3), (2, 5)]
    assert [row[1:3] for row in rows(3600)] == [(1, 3), (2, 5)]


def test_what_comes_too_late_changes_nothing(database, now, write, rows):
    at = now.replace(second=0, microsecond=0) - 5 * HOUR
    write(at, sample(count=9), resolution=60)
    write(at, sample(count=1))
    rollup.again(database, [int(at.timestamp())], int(now.timestamp()))
    assert rows(60)[0][2] == 9


@pytest.mark.parametrize(("resolution", "kept"), [(5, 3 * HOUR), (60, timedelta(days=7)), (3600, timedelta(days=400))])
def test_what_is_older_than_it_is_kept_goes_a_part_at_a_time(database, now, write, rows, monkeypatch, resolution, kept):
    monkeypatch.setattr(rollup, "MOST_FORGOTTEN", 2)
    for coarser in (60, 3600):  # all of it was rolled up
        if coarser > resolution:
            write(now, sample(), coarser, server=9)
    old = [now - kept - timedelta(seconds=seconds) for seconds in (60, 50, 40)]
    for at in (*old, now - kept + MINUTE):
        write(at, sample(), resolution)
    left = []
    for _ in range(3):
        rollup.turn(database)
        left.append(sum(server == 1 for _, server, *_ in rows(resolution)))
    assert left == [2, 1, 1]


def test_the_audit_is_kept_for_four_hundred_days(database, now):
    for days in (1, 399, 401):
        database.execute(
            "INSERT INTO tandem_audit (at, who, via, action, detail, outcome, text)"
            " VALUES (%s, '', '', %s, '{}', 'done', '')",
            [now - timedelta(days=days), str(days)],
        )
    audit.forget(database, rollup.AUDIT_KEPT)
    assert [entry.action for entry in audit.newest(9)] == ["399", "1"]
