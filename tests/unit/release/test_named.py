"""Settings are kept by name: what may be shown as it is, of all else a mark that only SECRET_KEY explains."""

import hashlib
import json

import pytest

from django_tandem.config.drift import Effective, shown
from django_tandem.release import named as by_name

KEY = "a-long-secret-of-the-project"
PIN = "1234"


def named(settings, key=KEY, environment=None):
    """As the manifest of a release has them."""
    settings = {"SECRET_KEY": key, **settings}
    role = Effective("async", "", **shown(settings, environment or {}))
    return by_name.named(role, key)


def changed(before, after, **key):
    return {one.pop("name"): one for one in by_name.changes(named(before), named(after, **key))}


def test_what_changed_is_told_by_name_with_its_values():
    before = {"DEBUG": True, "EMAIL": {"HOST": "one", "PORT": 25}, "OLD": 1, "APPS": ["a", "b"], "SAME": "x"}
    after = {"DEBUG": False, "EMAIL": {"HOST": "two", "PORT": 25}, "NEW": None, "APPS": ["a", "c"], "SAME": "x"}
    assert changed(before, after) == {
        "APPS": {"how": "changed", "before": ["a", "b"], "after": ["a", "c"]},
        "DEBUG": {"how": "changed", "before": True, "after": False},
        "EMAIL.HOST": {"how": "changed", "before": "one", "after": "two"},
        "NEW": {"how": "new", "after": None},
        "OLD": {"how": "gone", "before": 1},
    }
    assert changed({"ONE": True}, {"ONE": 1})  # as Python compares, they are equal


SECRETS = {
    "PASSWORD": PIN,
    "GATEWAY": "https://office:1234@gateway.example/",
    "SENTRY": "https://1234@sentry.example/7",
    "SENTRY_DSN": PIN,
    "HOOK": "https://chat.example/T1234/9f8e7d6c5b4a39281706f5e4",
    "CODES": ["open", "1234567890abcdef1234567890"],
    "HASH_SALT": PIN,
}


def test_a_secret_is_not_in_it_and_that_it_changed_is():
    assert changed(SECRETS, dict.fromkeys(SECRETS, "another"))
    text = json.dumps(named(SECRETS))
    for secret in (PIN, "9f8e7d6c5b4a", KEY):
        assert secret not in text
    later = {name: json.loads(json.dumps(value).replace("1234", "4321")) for name, value in SECRETS.items()}
    assert changed(SECRETS, later) == {name: {"how": "changed", "hidden": True} for name in SECRETS}


def test_a_short_secret_cannot_be_tried_out_without_the_key():
    mark = named({"PASSWORD": PIN})["hidden"]["PASSWORD"]
    guesses = [PIN, json.dumps(PIN), f"PASSWORD\0{PIN}"]
    assert not any(hashlib.sha256(guess.encode()).hexdigest().startswith(mark) for guess in guesses)
    assert named({"PASSWORD": PIN}, key="another")["hidden"]["PASSWORD"] != mark
    assert named({"PASSWORD": PIN})["hidden"]["PASSWORD"] == mark
    assert named({"TOKEN": PIN})["hidden"]["TOKEN"] != mark  # that two are equal is not told either


def test_with_another_key_hidden_settings_cannot_be_compared_and_others_can():
    found = changed(
        {"PASSWORD": "one", "DEBUG": True}, {"PASSWORD": "one", "DEBUG": False, "TOKEN": "t"}, key="another"
    )
    assert found == {
        "DEBUG": {"how": "changed", "before": True, "after": False},
        "SECRET_KEY": {"how": "changed", "hidden": True},
        "TOKEN": {"how": "new", "hidden": True},
    }


def test_values_of_the_environment_are_among_them():
    before, after = named({}, environment={"OMP_NUM_THREADS": "1"}), named({}, environment={"OMP_NUM_THREADS": "2"})
    assert [one["name"] for one in by_name.changes(before, after)] == ["environment.OMP_NUM_THREADS"]


@pytest.mark.parametrize("value", ["x" * 300, [["en", "English"]], {}, [{"NAME": "a"}]])
def test_what_is_long_or_nested_is_told_to_have_changed(value):
    assert changed({"ONE": value}, {"ONE": "short"})["ONE"]["how"] in ("changed", "new")


def test_environment_values_that_the_file_does_not_hold_are_only_marked():
    role = Effective("async", "", **shown({}, {"FEATURES": "one", "MAIL": "two"}))
    found = by_name.named(role, KEY, ["MAIL"])
    assert found["shown"] == {"environment.FEATURES": "one"}
    assert list(found["hidden"]) == ["environment.MAIL"]
