"""The monitor's tables and the queue's in the test database, with real commits."""

import pytest
from django.db import connections
from psycopg import sql
from psycopg.types.json import Jsonb

from django_tandem.config.read import read
from django_tandem.monitor import steps
from django_tandem.queue import fence, recurring, scheduler
from django_tandem.queue.connect import connect

RELEASE = "test"
# Partitions of days that have passed: results of a test's past made them.
_PAST = """
    SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'tandem_result'::regclass
        AND inhrelid::regclass::text ~ '[0-9]$' AND right(inhrelid::regclass::text, 8) < to_char(now(), 'YYYYMMDD')
"""
TABLES = (
    "tandem_job", "tandem_result", "tandem_server", "tandem_pause", "tandem_pressure", "tandem_schedule",
    "tandem_firing", "tandem_sample", "tandem_alarm", "tandem_audit", "auth_user_user_permissions",
    "auth_user", "django_session",
)  # fmt: skip


@pytest.fixture
def transactional_db(django_db_setup, django_db_blocker):
    """pytest-django's, without the flush of all tables after each test: `database` deletes what there is."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture
def database(transactional_db, monkeypatch):
    """A connection of the queue's own; today's partitions are there, the fence names the release "test", and there are
    no schedules but those of the test."""
    monkeypatch.setattr(recurring, "_schedules", {})
    steps.forget()
    with connect("default", purpose="test") as connection:
        scheduler.make_partitions(connection)
        fence.activate(connection, RELEASE)
        yield connection
        for table in TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("UPDATE tandem_fence SET release = NULL, epoch = 0")
        for (partition,) in connection.execute(_PAST).fetchall():
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition)))


@pytest.fixture
def tandem(tmp_path):
    """The configuration of the live release."""
    path = tmp_path / "tandem.toml"
    path.write_text('[app]\nname = "office"\nsettings = "office.settings"\n[roles.backoffice]\n[roles.async]\n')
    return read(path, {"TANDEM_RELEASE": RELEASE})


@pytest.fixture
def sample(database):
    """Write the sample of a server that it took so many seconds ago; of the fleet where no role is named."""

    def sample(facts, ago=2.0, role="", host="", server=0):
        database.execute(
            "INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)"
            " VALUES (5, clock_timestamp() - make_interval(secs => %s), %s, %s, %s, %s, %s)",
            [ago, server, role, host, RELEASE, Jsonb(facts)],
        )

    return sample
