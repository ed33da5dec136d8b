"""What differs between two roles is found by key, told with secrets masked, and judged by the overlay."""

from django_tandem.config.drift import ABSENT, Difference, Effective, differences, shown


def role(settings=None, environment=None, name="async"):
    """A role that has these settings and environment values, as its own process would tell it."""
    return Effective(name, "", **shown(settings or {}, environment or {}))


def found(left, right, file):
    return {one.key: (one.left, one.right, one.permitted) for one in differences(left, right, file)}


def test_equal_roles_have_no_differences(configured):
    file = configured("[roles.async]").file
    settings = {"A": 1, "B": {"c": [1, {"d": 2}]}, "SECRET_KEY": "x"}
    assert differences(role(settings), role(dict(reversed(settings.items()))), file) == []


def test_differences_are_named_by_dotted_key_in_order(configured):
    file = configured("[roles.async]").file
    left = role({"B": 1, "A": {"x": {"y": 1}, "z": 0}, "ONLY_HERE": "a"})
    right = role({"B": 2, "A": {"x": {"y": 2}, "z": 0}, "L": [1]})
    assert differences(left, right, file) == [
        Difference("A.x.y", 1, 2, permitted=False),
        Difference("B", 1, 2, permitted=False),
        Difference("L", ABSENT, [1], permitted=False),
        Difference("ONLY_HERE", "a", ABSENT, permitted=False),
    ]


def test_the_overlay_says_which_are_permitted(configured):
    file = configured('[overlay]\nallow = ["EMAIL_TIMEOUT", "FEATURES", "environment.FEATURES"]\n[roles.async]').file
    left = role(
        {
            "DATABASES": {"default": {"CONN_MAX_AGE": 0, "HOST": "a", "OPTIONS": {}}},
            "EMAIL_TIMEOUT": 1,
            "FEATURES": {"new": True},
            "LOGGING": {"loggers": {"django.db": {"level": "INFO"}}},
        },
        {"FEATURES": "a", "PGUSER": "a", "OTHER": "a"},
    )
    right = role(
        {
            "DATABASES": {"default": {"CONN_MAX_AGE": 9, "HOST": "b", "OPTIONS": {}}},
            "EMAIL_TIMEOUT": 2,
            "FEATURES": {"new": False},
            "LOGGING": {"loggers": {"django.db": {"level": "DEBUG"}}},
        },
        {"FEATURES": "b", "PGUSER": "b"},
    )
    assert found(left, right, file) == {
        "DATABASES.default.CONN_MAX_AGE": (0, 9, True),
        "DATABASES.default.HOST": ("a", "b", False),
        "EMAIL_TIMEOUT": (1, 2, True),
        "FEATURES.new": (True, False, True),
        "LOGGING.loggers.django.db.level": ("INFO", "DEBUG", True),
        "environment.FEATURES": ("a", "b", True),
        "environment.OTHER": ("a", ABSENT, False),
        "environment.PGUSER": ("a", "b", True),
    }


def test_of_a_connections_options_only_tandems_own_limit_may_differ(configured):
    file = configured("[roles.async]").file

    def permitted(left, right):
        pair = [role({"DATABASES": {"default": {"OPTIONS": options}}}) for options in (left, right)]
        return [one.permitted for one in differences(*pair, file)]

    assert permitted({"options": "-c x=1 -c statement_timeout=5000"}, {"options": "-c x=1"}) == [True]
    assert permitted({"options": "-c statement_timeout=5000"}, {}) == [True]
    assert permitted({"options": "-c x=1"}, {"options": "-c x=2 -c statement_timeout=5000"}) == [False]


def test_true_is_not_one(configured):
    (found_one,) = differences(role({"FLAG": True}), role({"FLAG": 1}), configured("[roles.async]").file)
    assert (found_one.left, found_one.right) == (True, 1)


def test_secrets_are_masked_wherever_they_stand():
    told = str(
        role(
            {
                "SECRET_KEY": "sesame",
                "DATABASES": {"default": {"PASSWORD": "sesame", "USER": "office"}},
                "CACHES": {"default": {"LOCATION": ["redis://:sesame@cache"], "OPTIONS": {"password": "sesame"}}},
                "API_KEYS": {"bureau": "sesame"},
                "LISTEN": "host=db password=sesame",
                "STAGES": [{"TOKEN": "sesame"}, ["https://o:sesame@host"]],
            },
            {"PGPASSWORD": "sesame", "DATABASE_URL": "postgresql://o:sesame@db/o"},
        )
    )
    assert "sesame" not in told
    assert "office" in told


def test_a_secret_that_differs_is_found_though_neither_is_told(configured):
    file = configured("[roles.async]").file
    left = role({"SECRET_KEY": "a", "API_KEYS": {"x": 1}, "URL": "redis://:a@h"}, {"PGPASSWORD": "a", "A_TOKEN": "a"})
    right = role({"SECRET_KEY": "b", "API_KEYS": {"x": 2}, "URL": "redis://:b@h"}, {"PGPASSWORD": "b", "A_TOKEN": "a"})
    differing = found(left, right, file)
    assert {key: permitted for key, (_, _, permitted) in differing.items()} == {
        "API_KEYS": False,
        "SECRET_KEY": False,
        "URL": False,
        "environment.PGPASSWORD": True,
    }
    assert all(one == other and "****" in one for one, other, _ in differing.values())
