"""A sampler goes on, whatever happens to the database or to those who look with it; each trouble is said once."""

import logging
import threading

import pytest

from django_tandem.monitor import sampler, sums
from django_tandem.monitor.channel import Channel
from django_tandem.monitor.sampler import Sampler
from django_tandem.monitor.totals import Totals
from django_tandem.processes.board import Board
from django_tandem.queue.states import State
from django_tandem.serve.standing import Standing
from django_tandem.serve.watched import Watched
from tests.unit.serve.test_health import IDENTITY


@pytest.fixture
def watched(database, tmp_path):
    standing = Standing()
    standing.tell("active")
    return Watched(
        alias="default",
        identity=IDENTITY,
        standing=standing,
        folder=tmp_path,
        board=Board(4, 13),
        processes=2,
        threads=3,
    )


@pytest.fixture
def channel():
    one = Channel()
    yield one
    one.close()


@pytest.fixture
def sample(watched, channel):
    """A sampler that is told to stop before it begins: each call is one sample."""
    one = Sampler(watched, channel, Totals())
    stop = threading.Event()
    stop.set()
    return lambda: one.run(stop)


@pytest.fixture
def rows(database):
    def rows():
        return [row[0] for row in database.execute("SELECT facts FROM tandem_sample WHERE server = 7 ORDER BY at")]

    return rows


def jobs(count):
    return sums.written({"tasks": sums.of_jobs([("a", State.SUCCESSFUL, 0.1, False)] * count)})


def successful(rows):
    return sum(row["tasks"]["successful"] for row in rows())


def test_a_sample_tells_of_the_machine_the_server_and_its_jobs(watched, channel, sample, rows):
    watched.board.row(0).begin(0, 11)
    watched.board.row(3).begin(2, 12)
    watched.board.row(3).begin(3, 13)  # behind its threads: a coroutine
    assert channel.send(jobs(2))
    sample()
    (facts,) = rows()
    assert set(facts) == {"host", "server", "tasks"}
    assert facts["server"]["state"] == "active"
    tasks = facts["tasks"]
    assert (tasks["slots"], tasks["running"], tasks["coroutines"], tasks["successful"]) == (6, 3, 1, 2)
    assert tasks["tasks"]["a"]["count"] == 2
    sample()
    assert successful(rows) == 2


def test_who_looks_and_fails_is_said_once_and_others_look_all_the_same(watched, channel, rows, monkeypatch, caplog):
    seen = []

    def broken(connection):
        connection.execute("SELECT nothing_of_the_kind")

    def fails(connection):
        raise ZeroDivisionError

    monkeypatch.setattr(sampler.fleet, "write", lambda *_: True)
    looks = {"first": fails, "broken": broken, "third": fails, "last": lambda one: seen.append(one.execute("SELECT 1"))}
    one, stop = Sampler(watched, channel, Totals(), looks=looks), threading.Event()
    stop.set()
    for _ in range(3):
        one.run(stop)
    assert len(seen) == 3
    messages = [record.getMessage().partition(" without it: ")[2] for record in caplog.records]
    assert [message.partition(":")[0] for message in messages if message] == ["first", "third"]
    assert rows()


def test_without_its_tables_it_waits_and_then_tells_all(database, channel, sample, rows, caplog):
    caplog.set_level(logging.INFO)
    database.execute("ALTER TABLE tandem_sample RENAME TO elsewhere")
    try:
        for count in (1, 2):
            channel.send(jobs(count))
            sample()
    finally:
        database.execute("ALTER TABLE elsewhere RENAME TO tandem_sample")
    assert [record.levelname for record in caplog.records] == ["INFO"]
    channel.send(jobs(4))
    sample()
    assert successful(rows) == 7


def test_a_database_that_goes_away_is_no_error(database, watched, channel, rows, caplog):
    one = Sampler(watched, channel, Totals())
    stop = threading.Event()
    one._store.connected()
    ((pid,),) = one._store.connected().execute("SELECT pg_backend_pid()").fetchall()
    database.execute("SELECT pg_terminate_backend(%s::int, 5000)", [pid])
    channel.send(jobs(1))
    stop.set()
    one.run(stop)
    channel.send(jobs(2))
    one.run(stop)
    assert successful(rows) == 3
    assert not caplog.records


def test_nonsense_on_the_channel_is_said_once_and_the_rest_is_heard(channel, sample, rows, caplog):
    for _ in range(2):
        channel.send(b"{")
        sample()
    channel.send(jobs(1))
    sample()
    assert successful(rows) == 1
    assert len(caplog.records) == 1
