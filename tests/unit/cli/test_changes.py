"""What a release changes, in the words of a gate."""

from rich.text import Text

from django_tandem.cli.changes import changes
from django_tandem.cli.timeline import took


def settings(by_role):
    return [Text.from_markup(line).plain for line in dict(changes({"settings": by_role}, took))["settings"]]


def test_a_setting_is_told_with_the_values_that_may_be_shown():
    found = [
        {"name": "DEBUG", "how": "changed", "before": True, "after": False},
        {"name": "EMAIL_HOST", "how": "new", "after": "[one]"},
        {"name": "MIDDLEWARE", "how": "changed", "before": ["a", "b"], "after": ["b", "c"]},
        {"name": "ORDER", "how": "changed", "before": [1, 2], "after": [2, 1]},
        {"name": "OLD", "how": "gone", "before": None},
        {"name": "PASSWORD", "how": "changed", "hidden": True},
        {"name": "SECRET_KEY", "how": "changed", "hidden": True},
        {"name": "TOKEN", "how": "new", "hidden": True},
    ]
    assert settings({"async": found}) == [
        "async  DEBUG: true → false",
        'async  EMAIL_HOST: (new) → "[one]"',
        'async  MIDDLEWARE: + "c", − "a"',
        "async  OLD: null → (removed)",
        "async  ORDER: in another order",
        "async  PASSWORD changed (hidden)",
        "async  SECRET_KEY changed (hidden); other hidden settings cannot be compared",
        "async  TOKEN is new (hidden)",
    ]


def test_what_changes_alike_in_all_roles_is_told_once():
    shared = {"name": "DEBUG", "how": "changed", "before": True, "after": False}
    own = {"name": "OMP", "how": "new", "after": "1"}
    assert settings({"backoffice": [shared], "async": [own, shared]}) == [
        "all roles  DEBUG: true → false",
        'async  OMP: (new) → "1"',
    ]


def test_rows_from_before_there_were_values_are_told():
    assert settings({"async": ["effective settings"], "backoffice": []}) == ["async  effective settings changed"]


def commits(**summary):
    return [Text.from_markup(line).plain for line in dict(changes(summary, took))["commits"]]


def test_commits_are_told_since_the_live_one_wherever_it_is():
    one = {"commit": "b" * 40, "author": "Ada", "subject": "last"}
    told = f"{'b' * 12}  last  Ada"
    assert commits(since=None, commits=[one]) == ["the first release", told]
    assert commits(since="a" * 40, since_is_here=True, commits=[one]) == ["since " + "a" * 12, told]
    lost = "; that commit is not in this repository (a shallow clone?), so those between are not known"
    assert commits(since="a" * 40, since_is_here=False, commits=[one]) == ["since " + "a" * 12 + lost, told]
