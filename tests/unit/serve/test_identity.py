import os
import socket
from datetime import datetime, timedelta, timezone

import pytest
from django.db import connection

from django_tandem.config.read import read
from django_tandem.errors import DatabaseUnreachable, NotMigrated
from django_tandem.serve.identity import register
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tandem(tmp_path, monkeypatch):
    (tmp_path / "tandem.toml").write_text(
        '[app]\nname = "office"\nsettings = "tests.settings"\n[roles.backoffice]\n[roles.async]\n'
    )
    monkeypatch.setenv("TANDEM_CONFIG", str(tmp_path / "tandem.toml"))
    monkeypatch.setenv("TANDEM_RELEASE", "r7")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tandem_server")  # pytest-django empties the tables of managed models only
    return read()


def rows():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, role, host, pid, release, config_digest, state, heartbeat_at, started_at FROM tandem_server"
        )
        return cursor.fetchall()


def test_a_server_that_registers_is_a_row_that_has_not_begun_to_work(tandem):
    identity = register(tandem, "async")
    ((id_, role, host, pid, release, digest, state, heartbeat_at, started_at),) = rows()
    assert (id_, role, host, pid, release, state) == (
        identity.id,
        "async",
        socket.gethostname(),
        os.getpid(),
        "r7",
        "starting",
    )
    assert (identity.role, identity.host, identity.pid, identity.release) == (role, host, pid, release)
    assert digest == identity.config_digest != ""
    now = datetime.now(timezone.utc)
    for moment in (heartbeat_at, started_at, identity.started):
        assert abs(now - moment) < timedelta(seconds=30)


def test_each_server_is_one_of_its_own_and_the_digest_is_that_of_the_settings(tandem, settings):
    first, second = register(tandem, "async"), register(tandem, "async")
    assert first.id != second.id
    assert first.config_digest == second.config_digest
    settings.EMAIL_SUBJECT_PREFIX = "another"
    assert register(tandem, "async").config_digest != first.config_digest
    assert len(rows()) == 3


def test_nothing_of_the_connection_is_left_to_be_shared_with_children(tandem):
    register(tandem, "async")
    with connection.cursor() as cursor:

        def is_gone():
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tandem async registers'")
            return cursor.fetchone() == (0,)

        until(is_gone)


def test_without_tables_it_says_what_to_run(tandem):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tandem_server RENAME TO elsewhere")
    try:
        with pytest.raises(NotMigrated, match="run: tandem manage migrate"):
            register(tandem, "async")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO tandem_server")


def test_without_a_database_it_says_where_it_looked(tandem, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "NAME", "nobody_made_this")
    with pytest.raises(DatabaseUnreachable, match=r"nobody_made_this on .* does not answer"):
        register(tandem, "async")
