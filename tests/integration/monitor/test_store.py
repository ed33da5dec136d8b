"""A server's rows: one a slot, and nothing lost or doubled when the database, or the keeper, was away."""

import pytest

from django_tandem.errors import DatabaseUnreachable
from django_tandem.monitor import store
from django_tandem.monitor.store import Store
from tests.unit.serve.test_health import IDENTITY


@pytest.fixture
def mine(database):
    """A store; a function that returns what was written of `tasks.claims`."""
    one = Store("default", IDENTITY)
    yield one
    one.disconnect()


@pytest.fixture
def claims(database):
    def claims():
        rows = database.execute("SELECT facts -> 'tasks' -> 'claims' FROM tandem_sample ORDER BY at").fetchall()
        return [count for (count,) in rows]

    return claims


def sample(count, load=0.5):
    return {"host": {"load": [load, load, load]}, "tasks": {"claims": count}}


def test_a_row_says_who_and_when_by_the_databases_clock(database, mine):
    mine.keep(sample(1))
    (slot,) = mine.write()
    row = database.execute(
        "SELECT resolution, server, role, host, release, extract(epoch FROM at)::bigint,"
        " at BETWEEN clock_timestamp() - interval '9 seconds' AND clock_timestamp() FROM tandem_sample"
    ).fetchall()
    assert row == [(5, 7, "backoffice", "office", "r1", slot, True)]
    assert slot % 5 == 0


def test_what_comes_again_in_a_slot_is_added_whoever_writes_it(database, mine, claims, monkeypatch):
    monkeypatch.setattr(Store, "slot", lambda *_: 1_790_000_000)
    mine.keep(sample(1, 0.2))
    mine.keep(sample(2, 0.9))
    assert mine.write() == [1_790_000_000] * 2
    successor = Store("default", IDENTITY)
    successor.keep(sample(4, 0.1))
    successor.write()
    successor.disconnect()
    assert claims() == [7]
    assert database.execute("SELECT facts -> 'host' -> 'load' -> 0 FROM tandem_sample").fetchall() == [(0.9,)]


def test_what_was_taken_while_the_database_was_away_is_written_where_it_belongs(mine, claims, monkeypatch):
    mine.connected()
    connect = store.connect
    monkeypatch.setattr(store, "connect", lambda *_, **__: (_ for _ in ()).throw(DatabaseUnreachable("away")))
    mine.disconnect()
    for number in range(1, 4):
        mine.keep(sample(number))
        mine._waiting[-1].taken -= 5 * (3 - number)
        with pytest.raises(DatabaseUnreachable):
            mine.write()
    monkeypatch.setattr(store, "connect", connect)
    slots = mine.write()
    assert [later - slots[0] for later in slots] == [0, 5, 10]
    assert claims() == [1, 2, 3]


def test_of_too_many_the_oldest_become_one(mine, claims, monkeypatch):
    monkeypatch.setattr(store, "MOST_WAITING", 2)
    for number in range(4):
        mine.keep(sample(2**number))
        mine._waiting[-1].taken -= 5 * (3 - number)
    mine.write()
    assert claims() == [7, 8]


def test_a_row_whose_arrival_nobody_heard_of_is_not_counted_twice(database, mine, claims):
    mine.keep(sample(3))
    connection = mine.connected()

    class Deaf:
        """What it is told it does; of the first answer nothing comes back."""

        def __getattr__(self, name):
            return getattr(connection, name)

        def execute(self, *statement):
            connection.execute(*statement)
            raise DatabaseUnreachable("cut off")

    mine._connection = Deaf()
    with pytest.raises(DatabaseUnreachable):
        mine.write()
    mine._connection = connection
    mine.write()
    assert claims() == [3]
