"""What a gate says of settings: by name where both releases have names, and else that something changed."""

from django_tandem.pipeline.summary import UNNAMED, changed_roles, changed_settings

OLD = {"settings": {"async": "sha256:1", "backoffice": "sha256:2"}}


def with_names(value, digest="sha256:9"):
    return {
        "settings": {"async": digest, "backoffice": "sha256:2"},
        "named": {"async": {"shown": {"DEBUG": value}, "hidden": {"SECRET_KEY": "1"}}},
    }


def test_a_setting_that_changed_is_named_in_its_role():
    change = {"name": "DEBUG", "how": "changed", "before": True, "after": False}
    assert changed_settings(with_names(True, "sha256:8"), with_names(False)) == {"async": [change]}
    assert changed_settings(with_names(True), with_names(True)) == {}


def test_a_release_from_before_there_were_names_can_be_compared():
    assert changed_settings(OLD, with_names(True)) == {"async": [{"name": UNNAMED, "how": "changed", "hidden": True}]}
    assert changed_settings(with_names(True), OLD) == {"async": [{"name": UNNAMED, "how": "changed", "hidden": True}]}
    assert changed_settings(OLD, OLD) == {}


def test_a_digest_that_differs_without_a_name_is_told():
    assert changed_settings(with_names(True, "sha256:8"), with_names(True))["async"][0]["name"] == UNNAMED


def test_roles_that_come_and_go_are_named():
    more = {"settings": {**OLD["settings"], "reports": "sha256:3"}}
    assert changed_roles(OLD, more) == {"reports": "new"}
    assert changed_roles(more, OLD) == {"reports": "gone"}
    assert changed_settings(OLD, more) == {}
