"""Each system check: a project that has the problem is told so, one that has not is left in peace."""

import pytest
from django.db import connection

from django_tandem.config.check import check_database, check_queues, check_settings, connections_needed
from django_tandem.config.read import read

CACHE = "django.core.cache.backends."
SESSIONS = "django.contrib.sessions.backends."
SHARED = {"default": {"BACKEND": f"{CACHE}db.DatabaseCache", "LOCATION": "cache"}}


def ids(messages):
    return [message.id for message in messages]


@pytest.fixture
def tandem_toml(tmp_path, monkeypatch):
    """Write the file that this process's configuration is read from."""

    def written(roles):
        path = tmp_path / "tandem.toml"
        path.write_text(f'[app]\nname = "office"\nsettings = "office.settings"\n{roles}')
        monkeypatch.setenv("TANDEM_CONFIG", str(path))
        return read()

    return written


@pytest.fixture
def sound(settings):
    """Settings that two servers can share."""
    settings.DEBUG = False
    settings.CACHES = SHARED
    settings.SESSION_ENGINE = f"{SESSIONS}db"
    return settings


def test_sound_settings_have_no_problem(sound):
    assert check_settings() == []


def test_debug_is_an_error(sound):
    sound.DEBUG = True
    (problem,) = check_settings()
    assert (problem.id, problem.hint) == ("tandem.E005", "Set DEBUG = False.")


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_of_each_process_is_a_warning(sound, backend):
    sound.CACHES = {**SHARED, "pages": {"BACKEND": CACHE + backend}}
    (problem,) = check_settings()
    assert problem.id == "tandem.W002"
    assert problem.msg.startswith(f'CACHES["pages"] is {backend.partition(".")[2]}: each process has its own')


def test_a_cache_in_files_is_a_warning(sound):
    sound.CACHES = {**SHARED, "locks": {"BACKEND": f"{CACHE}filebased.FileBasedCache", "LOCATION": "/tmp/locks"}}  # noqa: S108
    (problem,) = check_settings()
    assert problem.id == "tandem.W004"
    assert problem.msg.startswith('CACHES["locks"] is FileBasedCache')


@pytest.mark.parametrize("engine", ["db", "cached_db", "signed_cookies"])
def test_sessions_that_both_servers_see(sound, engine):
    sound.SESSION_ENGINE = SESSIONS + engine
    assert check_settings() == []


def test_sessions_in_files_are_an_error(sound):
    sound.SESSION_ENGINE = f"{SESSIONS}file"
    (problem,) = check_settings()
    assert problem.id == "tandem.E003"
    assert problem.msg.startswith("SESSION_ENGINE is django.contrib.sessions.backends.file: a person who is logged in")


def test_sessions_in_a_cache_are_as_good_as_the_cache(sound):
    sound.SESSION_ENGINE = f"{SESSIONS}cache"
    assert check_settings() == []
    sound.SESSION_CACHE_ALIAS = "people"
    sound.CACHES = {**SHARED, "people": {"BACKEND": f"{CACHE}locmem.LocMemCache"}}
    assert ids(check_settings()) == ["tandem.W002", "tandem.E003"]


def test_a_queue_that_no_role_consumes_is_an_error(tandem_toml):
    queues = "[queues.default]\n[queues.reports]\n"
    tandem_toml(f'{queues}[roles.async]\nqueues = ["default"]')
    (problem,) = check_queues()
    assert problem.id == "tandem.E008"
    assert problem.msg == "queues.reports: no role consumes it, so its jobs wait forever."
    assert "[queues.reports]" in problem.hint

    tandem_toml(f"{queues}[roles.async]")
    assert check_queues() == []
    tandem_toml(f'{queues}[roles.async]\nqueues = ["default"]\n[roles.r]\nkind = "async"\nqueues = ["reports"]')
    assert check_queues() == []
    tandem_toml("[roles.backoffice]")
    assert [problem.msg.partition(":")[0] for problem in check_queues()] == ["queues.default"]


def test_connections_are_counted_over_processes_and_threads_of_all_roles(tandem_toml):
    tandem = tandem_toml(
        "[roles.backoffice]\nprocesses = 3\nthreads = 5\n[roles.async]\nprocesses = 2\nthreads = 7\n"
        '[roles.functions]\nkind = "async"\nprocesses = 1\nthreads = 1\ncoroutines = 0'
    )
    # Each keeper has 2, and 3 more where it rescues and schedules; each worker listens, claims and serves coroutines.
    assert connections_needed(tandem) == {"backoffice": 3 * 5 + 2, "async": 2 * (7 + 3) + 5, "functions": 1 + 2 + 5}


@pytest.mark.django_db
def test_a_database_that_grants_enough_is_no_problem(tandem_toml):
    tandem_toml("[roles.backoffice]\n[roles.async]")
    assert check_database(databases=["default"]) == []


@pytest.mark.django_db
def test_more_connections_than_the_server_grants_are_an_error(tandem_toml):
    tandem_toml("[roles.backoffice]\nprocesses = 1000\nthreads = 1000\n[roles.async]")
    (problem,) = check_database(databases=["default"])
    assert problem.id == "tandem.E007"
    assert problem.msg.startswith(
        "All roles together may open 1000002 (backoffice) + 19 (async) = 1000021 connections; the database grants "
    )
    assert check_database(databases=None) == check_database(databases=["other"]) == []


@pytest.mark.django_db
@pytest.mark.parametrize("whose", ["ROLE CURRENT_USER", "DATABASE {database}"])
def test_a_limit_of_the_user_or_of_the_database_counts_too(tandem_toml, whose):
    tandem_toml("[roles.backoffice]\nprocesses = 1\nthreads = 5\n[roles.async]\nprocesses = 1\nthreads = 4")
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:  # rolled back with the test
        cursor.execute(f"ALTER {whose.format(database=name)} CONNECTION LIMIT 19")
        assert check_database(databases=["default"]) == []
        cursor.execute(f"ALTER {whose.format(database=name)} CONNECTION LIMIT 18")
    (problem,) = check_database(databases=["default"])
    assert problem.id == "tandem.E007"
    assert problem.msg == (
        "All roles together may open 7 (backoffice) + 12 (async) = 19 connections; the database grants 18."
    )
