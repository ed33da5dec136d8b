"""Every way in which a release can fail the jobs that are queued, and every change that is none."""

import pytest

from django_tandem.release.compatibility import Queued, compatibility

PATH = "office.tasks.pay"


def signature(*names, context=False):
    """`name`, `name=` with a default, `*`, `*args`, `**kwargs`, as Python writes them."""
    parameters, kind = [], "POSITIONAL_OR_KEYWORD"
    for name in names:
        if name == "*":
            kind = "KEYWORD_ONLY"
            continue
        here = "VAR_KEYWORD" if name.startswith("**") else "VAR_POSITIONAL" if name.startswith("*") else kind
        parameters.append({"name": name.strip("*="), "kind": here, "default": name.endswith("="), "annotation": None})
    return {"parameters": parameters, "takes_context": context, "queue": "default", "priority": 0, "options": {}}


def findings(new, old, *queued):
    """(level, what) of each."""
    found = compatibility(
        {PATH: new} if new else {}, {PATH: old} if old else {}, [Queued(PATH, *one) for one in queued]
    )
    assert all(one.instead for one in found)
    return [(one.level, one.what.removeprefix(f"{PATH}: ")) for one in found]


LOAN = signature("loan", "amount")


@pytest.mark.parametrize(
    ("new", "calls"),
    [
        (LOAN, [(2, (), 3), (1, ("amount",), 1), (0, ("amount", "loan"), 1)]),
        (signature("loan", "amount", "note="), [(2, (), 3), (1, ("amount",), 1)]),
        (signature("*args", "**kwargs"), [(2, (), 3), (1, ("amount",), 1)]),
        (signature("loan", "**kwargs"), [(1, ("amount",), 1)]),
        (signature("credit", "amount"), [(2, (), 3)]),
        (signature("loan", "amount", "*", "note="), [(2, (), 3)]),
    ],
)
def test_what_still_fits_is_not_told(new, calls):
    assert findings(new, LOAN, *calls) == []


def test_a_task_that_is_gone_while_jobs_are_queued_is_told_with_their_count():
    (found,) = compatibility({}, {PATH: LOAN}, [Queued(PATH, 2, (), 3), Queued(PATH, 1, ("amount",), 4)])
    assert (found.level, found.what) == ("error", f"{PATH}: 7 jobs are queued, and the task is gone")
    assert found.instead.startswith("Keep the function, which may call its successor, until no job of it is left")


def test_a_new_parameter_that_must_be_given():
    assert findings(signature("loan", "amount", "currency"), LOAN, (2, (), 1)) == [
        ("error", "1 job is queued, without currency, which the task requires")
    ]


def test_a_new_keyword_that_must_be_given():
    assert findings(signature("loan", "amount", "*", "currency"), LOAN, (2, (), 1)) == [
        ("error", "1 job is queued, without currency, which the task requires")
    ]


def test_a_keyword_that_was_renamed_is_told_once_for_the_jobs_that_pass_it():
    new = signature("loan", "sum")
    assert findings(new, LOAN, (1, ("amount",), 2)) == [
        ("error", "2 jobs are queued, with the keyword amount, which the task has no more (was it renamed to sum?)"),
        ("error", "2 jobs are queued, without sum, which the task requires"),
    ]
    assert findings(new, LOAN, (2, (), 2)) == []


def test_a_keyword_that_was_removed():
    assert findings(signature("loan"), LOAN, (1, ("amount",), 2)) == [
        ("error", "2 jobs are queued, with the keyword amount, which the task has no more")
    ]


def test_fewer_positional_parameters_than_jobs_pass():
    assert findings(signature("loan"), LOAN, (2, (), 5)) == [
        ("error", "5 jobs are queued, with 2 arguments by position; the task takes at most 1")
    ]
    assert findings(signature("loan", "*", "amount="), LOAN, (2, (), 5)) == [
        ("error", "5 jobs are queued, with 2 arguments by position; the task takes at most 1")
    ]


def test_parameters_that_changed_places():
    assert findings(signature("amount", "loan"), LOAN, (1, ("amount",), 1)) == [
        ("error", "1 job is queued, with amount by keyword and 1 argument by position, which now is amount twice"),
        ("error", "1 job is queued, without loan, which the task requires"),
    ]


def test_a_task_that_takes_the_context_now_is_told_and_fits_when_its_parameters_do():
    assert findings(signature("context", "loan", "amount", context=True), LOAN, (2, (), 3)) == [
        ("warning", "3 jobs are queued, and the task takes the context now, and did not")
    ]


def test_a_task_that_takes_the_context_now_in_the_place_of_an_argument():
    assert findings(signature("loan", "amount", context=True), LOAN, (2, (), 3))[0] == (
        "error",
        "3 jobs are queued, with 2 arguments by position; the task takes at most 1",
    )


def test_a_task_that_no_longer_takes_the_context_and_kept_its_parameter():
    old = signature("context", "loan", context=True)
    assert findings(signature("context", "loan"), old, (1, (), 3)) == [
        ("error", "3 jobs are queued, without loan, which the task requires (it no longer takes the context)"),
        ("warning", "3 jobs are queued, and the task takes no context now, and did"),
    ]


def test_what_no_job_needs_yet_is_a_warning_because_the_live_release_goes_on_enqueueing():
    assert findings(None, LOAN) == [
        (
            "warning",
            "no job is queued now; the live release enqueues until it stops, and the task is gone",
        )
    ]
    (found,) = findings(signature("loan", "amount", "currency"), LOAN)
    assert found[0] == "warning"
    assert "without currency, which the task requires" in found[1]
    assert findings(signature("loan", "amount", "currency="), LOAN) == []


def test_jobs_that_the_live_release_cannot_run_either_do_not_stop_a_release():
    (found,) = compatibility({}, {"office.tasks.other": LOAN}, [Queued(PATH, 1, (), 2)])[:1]
    assert (found.level, found.what) == (
        "warning",
        f"{PATH}: 2 jobs are queued, and the task is gone; the live release cannot run them either",
    )
    assert found.instead == f"Cancel them: tandem tasks list --task {PATH}"


def test_without_a_live_release_to_compare_with_a_misfit_stops_it():
    assert findings(None, None, (0, (), 1)) == [("error", "1 job is queued, and the task is gone")]
