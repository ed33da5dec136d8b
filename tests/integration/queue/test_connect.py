"""The queue's own connections: what Django's DATABASES say, plans by index, and errors that an operator can read."""

import psycopg
import pytest
from django.db import connections

from django_tandem.errors import DatabaseUnreachable
from django_tandem.queue.connect import address, connect
from tests.office import free_port


@pytest.fixture
def configure(database):
    """Make an alias "other" that differs from the default database."""

    def configure(**changes):
        connections.settings["other"] = {**connections.settings["default"], **changes}
        return "other"

    yield configure
    if "other" in connections.settings:
        connections["other"].close()
        del connections["other"], connections.settings["other"]


def shown(connection, name):
    return connection.execute(f"SHOW {name}".encode()).fetchone()[0]


def test_a_connection_is_to_djangos_database_and_says_what_it_is_for(database):
    with connect("default", purpose="worker 1-2") as connection:
        assert connection.autocommit
        assert connection.info.dbname == connections["default"].settings_dict["NAME"]
        assert shown(connection, "application_name") == "tandem worker 1-2"
        assert shown(connection, "TimeZone") == "UTC"
        assert connection.info.get_parameters()["connect_timeout"] == "5"


def test_statements_go_by_the_index_without_statistics(database):
    database.execute("SELECT 1")
    for name in ("enable_seqscan", "enable_sort", "jit"):
        assert shown(database, name) == "off"
    plan = "\n".join(
        line
        for (line,) in database.execute(
            "EXPLAIN SELECT id FROM tandem_job WHERE state = 1 AND queue = 'q' ORDER BY queue, due, id LIMIT 9"
        )
    )
    assert "tandem_job_ready" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("number", [0, 40_000, 2**40])
def test_integers_are_bigints_whatever_comes_before_them(database, number):
    query = "SELECT pg_typeof(%s)::text, pg_typeof(%s)::text, pg_typeof(%s)::text, %s::bigint[]"
    found = database.execute(query, [number, [0], [number], [number]]).fetchone()
    assert found == ("bigint", "bigint[]", "bigint[]", [number])


def test_what_the_project_sets_for_its_connections_stays(configure):
    alias = configure(OPTIONS={"options": "-c statement_timeout=1234 -c TimeZone=Asia/Tokyo", "connect_timeout": 3})
    with connect(alias, purpose="test") as connection:
        assert shown(connection, "statement_timeout") == "1234ms"
        assert shown(connection, "TimeZone") == "UTC"
        assert connection.info.get_parameters()["connect_timeout"] == "3"


def test_what_only_django_understands_is_left_out(configure):
    alias = configure(OPTIONS={"isolation_level": psycopg.IsolationLevel.SERIALIZABLE, "server_side_binding": True})
    with connect(alias, purpose="test") as connection:
        assert shown(connection, "transaction_isolation") == "read committed"


def test_a_database_that_does_not_answer_is_one_line_with_its_address_and_no_password(configure):
    port = free_port()
    alias = configure(HOST="127.0.0.1", PORT=str(port), NAME="shop", PASSWORD="very secret")
    with pytest.raises(DatabaseUnreachable) as error:
        connect(alias, purpose="test")
    assert str(error.value).startswith(f"the database shop on 127.0.0.1:{port} does not answer: ")
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)
    assert address(alias) == f"shop on 127.0.0.1:{port}"


def test_a_database_that_is_not_postgresql_or_none_is_told_as_such(configure):
    with pytest.raises(DatabaseUnreachable, match=r"DATABASES\['other'\] is sqlite; expected PostgreSQL"):
        connect(configure(ENGINE="django.db.backends.sqlite3", NAME=":memory:"), purpose="test")
    del connections["other"]
    with pytest.raises(DatabaseUnreachable, match=r"DATABASES\['other'\] names no database: run `tandem up`"):
        connect(configure(ENGINE="django.db.backends.dummy"), purpose="test")
