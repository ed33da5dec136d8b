"""What a role may change, and what it is told when it changes more."""

import pytest

from django_tandem.config.overlay_rules import may_change, may_set, words


@pytest.mark.parametrize(
    "key",
    [
        "DATABASES.default.USER",
        "DATABASES.replica.PASSWORD",
        "DATABASES.default.CONN_MAX_AGE",
        "DATABASES.default.CONN_HEALTH_CHECKS",
        "DATABASES.default.OPTIONS.pool",
        "DATABASES.default.OPTIONS.pool.min_size",
        "DATABASES.default.OPTIONS.application_name",
        "LOGGING.root.level",
        "LOGGING.loggers.office.level",
        "LOGGING.loggers.django.db.backends.level",
    ],
)
def test_the_list_permits(configured, key):
    file = configured(f'[roles.async.settings]\n"{key}" = 1').file
    assert may_change(key, file)


@pytest.mark.parametrize(
    "key",
    [
        "DATABASES",
        "DATABASES.default.HOST",
        "DATABASES.default.NAME",
        "DATABASES.default.TEST.USER",
        "DATABASES.default.OPTIONS",
        "DATABASES.default.OPTIONS.sslmode",
        "LOGGING.loggers.office.handlers",
        "SECRET_KEY",
        "databases.default.USER",
    ],
)
def test_everything_else_is_shared_and_the_way_out_is_told(told, key):
    (line,) = told(f'[roles.async.settings]\n"{key}" = 1')
    assert line == (
        f"tandem.toml: roles.async.settings.{key}: shared by all roles; "
        f"to let roles differ in it, add '{key}' to overlay.allow"
    )


@pytest.mark.parametrize(
    ("allowed", "key"),
    [
        ("EMAIL_TIMEOUT", "EMAIL_TIMEOUT"),
        ("CACHES.default.TIMEOUT", "CACHES.default.TIMEOUT"),
        ("CACHES.*.TIMEOUT", "CACHES.pages.TIMEOUT"),
        ("CACHES", "CACHES.default.OPTIONS.MAX_ENTRIES"),
        ("OFFICE_*", "OFFICE_LIMITS"),
        ("OFFICE_*", "OFFICE_LIMITS.day"),
    ],
)
def test_the_project_adds_keys_to_the_list(configured, allowed, key):
    tandem = configured(f'[overlay]\nallow = ["{allowed}"]\n[roles.async.settings]\n"{key}" = 1')
    assert may_change(key, tandem.file)


@pytest.mark.parametrize(
    ("allowed", "key"), [("EMAIL", "EMAIL_HOST"), ("CACHES.*.TIMEOUT", "CACHES.TIMEOUT"), ("CACHES.a.b", "CACHES.a")]
)
def test_an_added_key_permits_itself_and_what_is_below_it_only(configured, allowed, key):
    assert not may_change(key, configured(f'[overlay]\nallow = ["{allowed}"]\n[roles.async]').file)


def test_environment_values_have_a_list_of_their_own(configured, told):
    listed = ("PGUSER", "PGPASSWORD", "PGAPPNAME", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX", "PYTHONUNBUFFERED")
    text = "".join(f'{name} = "1"\n' for name in listed)
    file = configured(f"[roles.async.environment]\n{text}").file
    assert all(may_set(name, file) for name in listed)

    (line,) = told('[roles.async.environment]\nFEATURES = "1"')
    assert line == (
        "tandem.toml: roles.async.environment.FEATURES: shared by all roles; "
        "to let roles differ in it, add 'environment.FEATURES' to overlay.allow"
    )
    allow = '[overlay]\nallow = ["environment.OFFICE_*", "FEATURES"]\n[roles.async.environment]\n'
    assert may_set("OFFICE_FEATURES", configured(f'{allow}OFFICE_FEATURES = "1"').file)
    assert len(told(f'{allow}FEATURES = "1"')) == 1


def test_what_tandem_sets_itself_cannot_be_allowed(told):
    allow = '[overlay]\nallow = ["environment.*"]\n'
    variables = ("TANDEM_ROLE", "TANDEM_DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    text = "".join(f'{name} = "x"\n' for name in variables)
    assert told(f"{allow}[roles.async.environment]\n{text}") == [
        f"tandem.toml: roles.async.environment.{name}: set by Tandem itself; remove it" for name in variables
    ]


def test_a_key_without_quotation_marks_is_told_as_such(told):
    expected = "a table, expected dotted keys in quotation marks, such as"
    assert told("[roles.async.settings]\nDATABASES.default.CONN_MAX_AGE = 600") == [
        f'tandem.toml: roles.async.settings.DATABASES: {expected} "DATABASES.default.USER"'
    ]
    assert told("[roles.async.settings.LOGGING.root]\nlevel = 'INFO'") == [
        f'tandem.toml: roles.async.settings.LOGGING: {expected} "LOGGING.root.level"'
    ]


def test_several_refusals_are_told_at_once_with_what_else_is_wrong(told):
    text = '[roles.async.settings]\nDEBUG = true\nTIME_ZONE = "UTC"\n[roles.async.environment]\nA = { from_env = "B" }'
    lines = [line.split(": ")[1] for line in told(text)]
    assert lines == [
        "roles.async.settings.DEBUG",
        "roles.async.settings.TIME_ZONE",
        "roles.async.environment.A",
        "roles.async.environment.A",
    ]


def test_a_logger_s_name_has_dots_itself():
    assert words("LOGGING.loggers.django.db.level") == ["LOGGING", "loggers", "django.db", "level"]
    assert words("LOGGING.root.level") == ["LOGGING", "root", "level"]
    assert words("DATABASES.default.OPTIONS.pool") == ["DATABASES", "default", "OPTIONS", "pool"]
    assert words("LOGGING.loggers") == ["LOGGING", "loggers"]
