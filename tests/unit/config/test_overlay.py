"""Role → effective settings, from what a project has to what its Django is told."""

import copy
import logging

import django
import pytest

from django_tandem.config.overlay import apply, effective, load
from django_tandem.errors import ConfigurationError

POSTGRESQL = "django.db.backends.postgresql"
BASE = {
    "DATABASES": {"default": {"ENGINE": POSTGRESQL, "NAME": "office", "OPTIONS": {"sslmode": "prefer"}}},
    "INSTALLED_APPS": ("django.contrib.auth", "office"),
    "LOGGING": {"version": 1, "loggers": {"office": {"level": "INFO", "handlers": ["console"]}}},
    "TASKS": {"default": {"BACKEND": "office.Backend"}, "mail": {"BACKEND": "office.Mail"}},
}


@pytest.fixture(autouse=True)
def record_factory():
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture
def settings_of(configured):
    """The effective settings of `role`, for a project that has `base`."""

    def settings_of(text, role="async", base=BASE, **environ):
        return effective(configured(text, **environ), role, base)

    return settings_of


def refusal(settings_of, *arguments, **more):
    with pytest.raises(ConfigurationError) as caught:
        settings_of(*arguments, **more)
    (line,) = caught.value.problems
    return line


def test_a_role_changes_what_it_names_and_nothing_else(settings_of):
    text = """
        [roles.async.settings]
        "DATABASES.default.CONN_MAX_AGE" = 600
        "DATABASES.default.OPTIONS.pool" = { min_size = 1, max_size = 4 }
        "LOGGING.loggers.office.level" = "DEBUG"
        "LOGGING.loggers.django.db.level" = "WARNING"
    """
    settings = settings_of(text)
    assert settings["DATABASES"] == {
        "default": {
            **BASE["DATABASES"]["default"],
            "CONN_MAX_AGE": 600,
            "OPTIONS": {"sslmode": "prefer", "pool": {"min_size": 1, "max_size": 4}},
        }
    }
    assert settings["LOGGING"] == {
        "version": 1,
        "loggers": {"office": {"level": "DEBUG", "handlers": ["console"]}, "django.db": {"level": "WARNING"}},
    }
    shared = settings_of(text, role=None)
    assert shared["DATABASES"] == BASE["DATABASES"]
    assert {name for name in settings if settings[name] != shared[name]} == {"DATABASES", "LOGGING"}


@pytest.mark.parametrize("url", ["", "postgresql://u:p@h:1/n?sslmode=disable"])
def test_the_project_s_own_objects_are_not_touched(settings_of, url):
    base = copy.deepcopy(BASE)
    text = """
        [roles.backoffice]
        statement_timeout = 5
        [roles.async.settings]
        "DATABASES.default.OPTIONS.pool" = true
        "LOGGING.loggers.office.level" = "DEBUG"
    """
    for role in ("backoffice", "async", None):
        settings_of(text, role, base, TANDEM_DATABASE_URL=url)
    assert base == BASE


def test_tandem_s_apps_come_after_the_project_s_and_once(settings_of):
    backport = ["django_tasks"] if django.VERSION < (6, 0) else []
    own = ["django_tandem.config", "django_tandem.queue", "django_tandem.pipeline", "django_tandem.monitor"]
    assert settings_of("[roles.async]")["INSTALLED_APPS"] == ["django.contrib.auth", "office", *backport, *own]

    named = {**BASE, "INSTALLED_APPS": ["django_tandem.queue", *backport, "office"]}
    assert settings_of("[roles.async]", base=named)["INSTALLED_APPS"] == [
        "django_tandem.queue", *backport, "office", *(one for one in own if one != "django_tandem.queue")
    ]  # fmt: skip


def test_tandem_s_middleware_stands_around_the_project_s_and_once(settings_of):
    first, last = "django_tandem.monitor.requests.NoteRequests", "django_tandem.monitor.dashboard.entrance.Entrance"
    assert settings_of("[roles.async]")["MIDDLEWARE"] == [first, last]
    for own in (["a", "b"], ("a", "b"), ["a", last, first, "b"]):
        assert settings_of("[roles.async]", base={**BASE, "MIDDLEWARE": own})["MIDDLEWARE"] == [first, "a", "b", last]
    without = settings_of('[monitor]\ndashboard = ""\n[roles.async]', base={**BASE, "MIDDLEWARE": ["a"]})
    assert without["MIDDLEWARE"] == [first, "a"]


def test_tandem_is_the_default_task_backend_and_the_project_s_others_stay(settings_of):
    text = '[database]\nalias = "tandem"\n[queues.mail]\npatience = 2.5\n[queues.alarms]\nstrict = true\n[roles.async]'
    assert settings_of(text)["TASKS"] == {
        "default": {
            "BACKEND": "django_tandem.queue.backend.TandemBackend",
            "QUEUES": ["mail", "alarms"],
            "OPTIONS": {
                "database": "tandem",
                "patience": {"mail": 2.5, "alarms": 10.0},
                "strict": ["alarms"],
                "retention_days": 30,
            },
        },
        "mail": {"BACKEND": "office.Mail"},
    }


def test_a_project_may_keep_its_own_default_backend(settings_of):
    base = {**BASE, "TASKS": {"default": {"BACKEND": "office.Threads"}}}
    tasks = settings_of('tasks = "own"\n[roles.async]', base=base)["TASKS"]
    assert tasks["default"] == {"BACKEND": "office.Threads"}
    assert tasks["tandem"]["BACKEND"] == "django_tandem.queue.backend.TandemBackend"


def test_a_statement_timeout_is_added_to_the_options_of_postgresql(settings_of):
    databases = {
        "default": {"ENGINE": POSTGRESQL, "OPTIONS": {"options": "-c search_path=office"}},
        "maps": {"ENGINE": "django.contrib.gis.db.backends.postgis"},
        "archive": {"ENGINE": "django.db.backends.sqlite3"},
    }
    settings = settings_of("[roles.async]\nstatement_timeout = 1.5", base={**BASE, "DATABASES": databases})
    assert {alias: database.get("OPTIONS") for alias, database in settings["DATABASES"].items()} == {
        "default": {"options": "-c search_path=office -c statement_timeout=1500"},
        "maps": {"options": "-c statement_timeout=1500"},
        "archive": None,
    }


@pytest.mark.parametrize("engine", [POSTGRESQL, "django.contrib.gis.db.backends.postgis"])
def test_the_environment_says_where_the_database_is(settings_of, engine):
    base = {**BASE, "DATABASES": {"default": {**BASE["DATABASES"]["default"], "ENGINE": engine, "CONN_MAX_AGE": 5}}}
    url = "postgresql://tasks:se%40same@db.test:6543/office2?connect_timeout=3"
    settings = settings_of("[roles.async]", base=base, TANDEM_DATABASE_URL=url)
    assert settings["DATABASES"]["default"] == {
        "ENGINE": engine,
        "NAME": "office2",
        "USER": "tasks",
        "PASSWORD": "se@same",
        "HOST": "db.test",
        "PORT": "6543",
        "CONN_MAX_AGE": 5,
        "OPTIONS": {"sslmode": "prefer", "connect_timeout": "3"},
    }


@pytest.mark.parametrize("databases", [{}, {"default": {}}, {"default": {"ENGINE": ""}}])
def test_a_project_without_a_database_gets_the_environment_s(settings_of, databases):
    settings = settings_of("[roles.async]", base={"DATABASES": databases}, TANDEM_DATABASE_URL="host=db dbname=office")
    assert settings["DATABASES"] == {"default": {"ENGINE": POSTGRESQL, "HOST": "db", "NAME": "office"}}


def test_the_queue_may_have_an_alias_of_its_own_beside_another_kind_of_database(settings_of):
    base = {**BASE, "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"}}}
    text = '[database]\nalias = "tandem"\n[roles.async]'
    settings = settings_of(text, base=base, TANDEM_DATABASE_URL="host=db dbname=queue")
    assert settings["DATABASES"] == {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"},
        "tandem": {"ENGINE": POSTGRESQL, "HOST": "db", "NAME": "queue"},
    }
    assert refusal(settings_of, "[roles.async]", base=base) == (
        'database.alias: DATABASES["default"] is django.db.backends.sqlite3, expected PostgreSQL; '
        'name another alias, such as "tandem", to keep the queue in a database of its own'
    )


@pytest.mark.parametrize("url", ["postgresql://o:se%same@db/office", "mysql://o:sesame@db/office", "sesame"])
def test_a_database_s_address_that_is_none_is_refused_and_not_repeated(settings_of, url):
    assert refusal(settings_of, "[roles.async]", TANDEM_DATABASE_URL=url) == (
        "TANDEM_DATABASE_URL: not the address of a PostgreSQL, expected postgresql://USER:PASSWORD@HOST:PORT/NAME"
    )


def test_a_database_that_is_not_there_cannot_be_changed(settings_of):
    text = '[roles.async.settings]\n"DATABASES.{}.CONN_MAX_AGE" = 1'
    assert refusal(settings_of, text.format("defualt")) == (
        "roles.async.settings.DATABASES.defualt.CONN_MAX_AGE: there is no DATABASES.defualt, expected default"
    )
    # Before its first day a project has no database yet, and its configuration is right all the same.
    assert settings_of(text.format("default"), base={})["DATABASES"] == {"default": {"CONN_MAX_AGE": 1}}


def test_a_key_inside_what_is_no_table_cannot_be_changed(settings_of):
    base = {**BASE, "DATABASES": {"default": {"ENGINE": POSTGRESQL, "OPTIONS": {"pool": True}}}}
    assert refusal(settings_of, '[roles.async.settings]\n"DATABASES.default.OPTIONS.pool.min_size" = 1', base=base) == (
        "roles.async.settings.DATABASES.default.OPTIONS.pool.min_size: "
        "the project's DATABASES.default.OPTIONS.pool is a bool, not a table of keys"
    )


def test_a_project_without_logging_may_be_given_levels_and_its_roles_differ_in_them_only(settings_of):
    text = '[roles.backoffice]\n[roles.async.settings]\n"LOGGING.root.level" = "DEBUG"'
    logging_of = {role: settings_of(text, role, {})["LOGGING"] for role in ("backoffice", "async", None)}
    assert logging_of["async"] == {"version": 1, "disable_existing_loggers": False, "root": {"level": "DEBUG"}}
    assert logging_of["backoffice"] == logging_of[None] == {"version": 1, "disable_existing_loggers": False}
    assert "LOGGING" not in settings_of("[roles.async]", base={})


@pytest.mark.parametrize(
    ("text", "role", "tag"),
    [
        ("[roles.async]", "async", "async"),
        ('[roles.async]\nlog_tag = "office tasks"', "async", "office tasks"),
        ("[roles.async]", None, "office"),
    ],
)
def test_log_records_carry_the_tag(settings_of, caplog, text, role, tag):
    settings_of(text, role)
    logging.getLogger("office").warning("a record", extra={"tag": "the project's own"})
    (record,) = caplog.records
    assert logging.Formatter("[%(log_tag)s] %(tag)s: %(message)s").format(record) == (
        f"[{tag}] the project's own: a record"
    )


def test_what_makes_the_project_s_log_records_still_does(settings_of, caplog):
    class Own(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Own)
    settings_of("[roles.async]")
    logging.getLogger("office").warning("a record")
    (record,) = caplog.records
    assert isinstance(record, Own)
    assert record.log_tag == "async"


def test_the_release_is_among_the_settings(settings_of):
    assert settings_of("[roles.async]", TANDEM_RELEASE="r7")["TANDEM_RELEASE"] == "r7"


@pytest.mark.parametrize("form", [load, lambda: apply({})])
def test_an_unknown_role_is_refused_before_the_project_is_imported(write, monkeypatch, form):
    path = write("[roles.async]")
    monkeypatch.setenv("TANDEM_CONFIG", str(path))
    monkeypatch.setenv("TANDEM_ROLE", "asink")
    with pytest.raises(ConfigurationError) as caught:
        form()
    assert str(caught.value) == f"role asink is not in {path}: expected async"
