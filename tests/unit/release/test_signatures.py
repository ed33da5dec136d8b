"""A task's signature is plain JSON values that tell all that a job depends on, and the same in every process."""

import json
from datetime import timedelta
from typing import Any

from django_tandem import Retry, task
from django_tandem.queue.tasks_api import task as plain_task
from django_tandem.release.inside import signatures


def by_account(arguments):
    return "account"


@task(
    priority=7, queue_name="special", retry=Retry(attempts=3), timeout=5, expires=timedelta(hours=1), unique=by_account
)
def pay(loan: int, amount: "Money", /, note: str = "", *rest: Any, currency, **more):  # noqa: F821
    pass


@plain_task(takes_context=True)
def tell(context, word=object()):  # noqa: B008
    pass


def test_parameters_in_their_order_with_kind_default_and_annotation():
    found = signatures.of(pay)["parameters"]
    assert [(one["name"], one["kind"], one["default"], one["annotation"]) for one in found] == [
        ("loan", "POSITIONAL_ONLY", False, "int"),
        ("amount", "POSITIONAL_ONLY", False, "Money"),
        ("note", "POSITIONAL_OR_KEYWORD", True, "str"),
        ("rest", "VAR_POSITIONAL", False, "Any"),
        ("currency", "KEYWORD_ONLY", False, None),
        ("more", "VAR_KEYWORD", False, None),
    ]


def test_options_are_plain_values_and_functions_are_named():
    found = signatures.of(pay)
    assert (found["queue"], found["priority"], found["takes_context"]) == ("special", 7, False)
    assert found["options"]["timeout"] == 5
    assert found["options"]["expires"] == 3600.0
    assert found["options"]["retry"]["attempts"] == 3
    assert found["options"]["unique"]["key"] == "tests.unit.release.test_signatures.by_account"
    assert "atomic" not in found["options"]


def test_nothing_in_it_differs_from_process_to_process():
    text = json.dumps([signatures.of(pay), signatures.of(tell)])
    assert " at 0x" not in text
    assert signatures.of(tell)["takes_context"] is True
    assert signatures.of(tell)["options"] == {}


def test_paths_are_found_as_a_worker_finds_them():
    here = "tests.unit.release.test_signatures"
    found = signatures.of_paths([f"{here}.pay", f"{here}.by_account", f"{here}.nothing", "nowhere.at.all"])
    assert found == {f"{here}.pay": signatures.of(pay)}
