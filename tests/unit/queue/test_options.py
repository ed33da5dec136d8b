from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tandem.queue.options import BACKEND, MEBIBYTE, Options, parse, queue_database, queue_options
from django_tandem.queue.priority import STRICT_PATIENCE


def test_without_options_the_queue_is_in_the_default_database_and_arguments_may_be_a_mebibyte():
    assert parse("default", {}) == Options(database="default", patience={}, max_bytes=MEBIBYTE)


def test_options_are_read_by_queue():
    options = parse(
        "default", {"database": "queue", "patience": {"slow": 60, "quick": 0.5}, "strict": ["urgent"], "max_bytes": 10}
    )
    assert (options.database, options.max_bytes) == ("queue", 10)
    assert options.patience_of("slow") == timedelta(minutes=1)
    assert options.patience_of("quick") == timedelta(seconds=0.5)
    assert options.patience_of("urgent") == STRICT_PATIENCE
    assert options.patience_of("default") == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"colour": 1},
            "['colour'] is not known; expected one of database, patience, strict, max_bytes",
        ),
        ({"database": None}, "['database'] is None; expected the alias of a database"),
        ({"patience": 5}, "['patience'] is 5; expected seconds by queue"),
        ({"patience": {"q": 0}}, "['patience']['q'] is 0; expected seconds above 0"),
        ({"patience": {"q": -1}}, "['patience']['q'] is -1; expected seconds above 0"),
        ({"patience": {"q": "10"}}, "['patience']['q'] is '10'; expected seconds above 0"),
        ({"patience": {"q": True}}, "['patience']['q'] is True; expected seconds above 0"),
        ({"patience": {"q": float("nan")}}, "['patience']['q'] is nan; expected seconds above 0"),
        ({"patience": {"q": float("inf")}}, "['patience']['q'] is inf; expected seconds above 0 and at most 315360000"),
        ({"patience": {"q": 1e9}}, "['patience']['q'] is 1000000000.0; expected seconds above 0 and at most 315360000"),
        ({"strict": "urgent"}, "['strict'] is 'urgent'; expected a list of queues"),
        ({"strict": True}, "['strict'] is True; expected a list of queues"),
        ({"max_bytes": 0}, "['max_bytes'] is 0; expected a number of bytes above 0"),
        ({"max_bytes": 1.5}, "['max_bytes'] is 1.5; expected a number of bytes above 0"),
        ({"max_bytes": True}, "['max_bytes'] is True; expected a number of bytes above 0"),
        ({"retention_days": 0}, "['retention_days'] is 0; expected a number of days from 1 to 3650"),
        ({"encrypt_keys": "sesame"}, "['encrypt_keys'] is of type str; expected a list of keys"),
        ({"decrypt_keys": [1]}, "['decrypt_keys'] is of type list; expected a list of keys"),
        ({"retention_days": 7.0}, "['retention_days'] is 7.0; expected a number of days from 1 to 3650"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_what_would_be_right(options, told):
    with pytest.raises(ImproperlyConfigured) as error:
        parse("mine", options)
    assert str(error.value).startswith(f"TASKS['mine']['OPTIONS']{told}")


def test_the_queue_is_that_of_the_first_backend_of_tandem(settings):
    settings.TASKS = {
        "default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"},
        "mine": {"BACKEND": BACKEND, "OPTIONS": {"database": "queue"}},
    }
    assert queue_database() == "queue"
    settings.TASKS = {}
    assert queue_options() == Options()
