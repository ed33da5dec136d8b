"""Encrypted jobs: they run as others do, and what they were given is in no column and in no log."""

import logging

import pytest
from django.contrib.auth.models import Group

from django_tandem.errors import ConfigurationError
from django_tandem.queue import at_rest, control, finish, firing, limits, run, scheduler, worker
from django_tandem.queue.backend import TandemBackend
from django_tandem.queue.control import Jobs
from django_tandem.queue.tasks_api import TaskResultStatus, task_backends, task_finished
from tests import jobs as shared
from tests.integration.queue import policies, tasks
from tests.integration.queue.conftest import state_of
from tests.keys import MARKER, NEW, OLD, OTHER
from tests.waiting import until


def enqueue_all():
    """A job of each kind that is given the marker; results by what they are to be."""
    backend = task_backends["default"]
    made = {
        "echo": tasks.echo.enqueue(MARKER, name={MARKER: 1}).id,
        "aecho": tasks.aecho.enqueue(MARKER).id,
        "atomic": policies.make_group_once.enqueue(MARKER).id,
        "unique": policies.score.enqueue(MARKER, "note").id,
        "replaced": policies.score_last.enqueue(MARKER, note="first").id,
        "limited": policies.ask_one.enqueue(MARKER).id,
        "failed": shared.fail.enqueue(MARKER).id,
        "retried": policies.ask_and_fail.enqueue(MARKER).id,
        "many": backend.enqueue_many(tasks.echo, [((MARKER,), {}) for _ in range(2)])[1],
    }
    assert policies.score_last.enqueue(MARKER, note="second").id == made["replaced"]
    return made


@pytest.mark.parametrize("is_on", [True, False])
def test_what_a_job_is_given_and_tells_is_in_no_column_and_no_log(
    is_on, use_keys, stored, start_worker, database, results
):
    if is_on:
        use_keys(NEW)
    made = enqueue_all()
    assert (MARKER in stored()) is not is_on
    process = start_worker()

    def all_ended():
        scheduler.promote(database)
        limits.sweep(database, "")
        return len(results()) == len(made) + 1

    until(all_ended, 30)
    assert process.stop() == 0
    Group.objects.filter(name=MARKER).delete()
    assert (MARKER in stored()) is not is_on
    assert (MARKER in process.log) is not is_on  # what is encrypted is masked; what is not, is told

    told = {name: task_backends["default"].get_result(job) for name, job in made.items()}
    values = {name: one.return_value for name, one in told.items() if one.status is TaskResultStatus.SUCCESSFUL}
    assert values == {
        "echo": [[MARKER], {"name": {MARKER: 1}}],
        "aecho": [[MARKER], {}],
        "atomic": MARKER,
        "unique": [MARKER, "note"],
        "replaced": [MARKER, "second"],
        "limited": MARKER,
        "many": [[MARKER], {}],
    }
    assert (told["echo"].args, told["echo"].kwargs) == ([MARKER], {"name": {MARKER: 1}})
    assert [len(told[name].errors) for name in ("failed", "retried")] == [1, 2]
    for error in (*told["failed"].errors, *told["retried"].errors):
        assert error.traceback.endswith(f"Error: {MARKER}\n")
    assert told["failed"].errors[0].exception_class_path == "builtins.ValueError"


def test_the_log_tells_where_an_error_was_raised(use_keys, start_worker, finished):
    use_keys(NEW)
    shared.fail.enqueue(MARKER)
    process = start_worker()
    finished(1)
    assert process.stop() == 0
    assert "raise ValueError(text)" in process.log
    assert "builtins.ValueError" in process.log


def test_what_waited_before_keys_were_there_runs_and_is_unchanged_for_those_who_ask(use_keys, hand, stored):
    plain = shared.add.enqueue(2, b=3)
    failing = shared.fail.enqueue("old words")
    use_keys(NEW)
    hand.work(2)
    assert task_backends["default"].get_result(plain.id).return_value == 5
    assert task_backends["default"].get_result(failing.id).errors[0].traceback.endswith("ValueError: old words\n")
    assert "[[2]," in stored()  # until it is re-encrypted


def test_what_is_encrypted_stays_readable_when_no_new_job_is(use_keys, hand, stored):
    use_keys(NEW)
    before = shared.add.enqueue(2, b=3)
    use_keys(decrypt=[NEW])
    after = shared.add.enqueue(40, b=2)
    assert "[[40]," in stored()
    hand.work(2)
    assert [task_backends["default"].get_result(one.id).return_value for one in (before, after)] == [5, 42]
    assert "42" in stored()


def test_a_job_whose_key_is_lost_waits_is_told_once_and_runs_when_the_key_is_back(
    use_keys, start_worker, finished, jobs, database, caplog
):
    use_keys(OLD)
    lost = tasks.echo.enqueue(MARKER)
    use_keys(NEW)
    process = start_worker()
    words = f"ERROR job {lost.id} (tests.integration.queue.tasks.echo) put back: it is encrypted with a key"
    process.says(words)
    for _ in range(2):  # it is offered again, as it would be ten seconds later
        until(lambda: state_of(jobs) == [("SCHEDULED", 0)])
        database.execute("UPDATE tandem_job SET state = 1, due = now() - interval '1 minute'")
        assert shared.add.enqueue(1).id in finished(len(database.execute("SELECT FROM tandem_result").fetchall()) + 1)
        until(lambda: state_of(jobs) == [("SCHEDULED", 0)])
    assert process.stop() == 0
    assert process.log.count("put back") == 1
    assert MARKER not in process.log

    waiting = task_backends["default"].get_result(lost.id)
    assert (waiting.status, waiting.args, waiting.kwargs) == (TaskResultStatus.READY, [at_rest.UNREADABLE], {})
    use_keys(NEW, OLD)
    database.execute("UPDATE tandem_job SET state = 1")
    start_worker()
    until(lambda: jobs() == [])
    assert task_backends["default"].get_result(lost.id).return_value == [[MARKER], {}]


@pytest.mark.parametrize("keys", [[OTHER], []])
def test_a_result_whose_key_is_lost_is_told_in_words(use_keys, hand, keys):
    use_keys(OLD)
    done, failed = tasks.echo.enqueue(MARKER), shared.fail.enqueue(MARKER)
    hand.work(2)
    use_keys(*keys)
    result = task_backends["default"].get_result(done.id)
    assert (result.status, result.args, result.return_value) == (
        TaskResultStatus.SUCCESSFUL, [at_rest.UNREADABLE], at_rest.UNREADABLE,
    )  # fmt: skip
    (error,) = task_backends["default"].get_result(failed.id).errors
    assert (error.exception_class_path, error.traceback) == ("builtins.ValueError", at_rest.UNREADABLE)


def test_a_unique_job_is_one_before_and_after_a_key_is_changed(use_keys, hand, stored):
    use_keys(OLD)
    first = policies.score.enqueue(MARKER)
    use_keys(NEW, OLD)
    assert policies.score.enqueue(MARKER, "again").id == first.id
    use_keys(NEW)
    assert policies.score.enqueue(MARKER, "again").id == first.id
    assert policies.score.enqueue("another").id != first.id
    assert MARKER not in stored()


def test_jobs_of_a_limit_are_counted_together_before_and_after_a_key_is_changed(use_keys, hand):
    use_keys(OLD)
    policies.ask_one.enqueue(MARKER)
    use_keys(NEW, OLD)
    policies.ask_one.enqueue(MARKER)
    policies.ask_one.enqueue("another")
    (one, other) = hand.claim(3)
    assert hand.claim(1) == []
    hand.finish(one)
    (second,) = hand.claim(1)
    assert {one.limit_key, second.limit_key} != {other.limit_key}
    hand.finish(other, second)


def test_failed_jobs_are_found_by_their_error_and_retried(use_keys, hand, jobs):
    use_keys(NEW)
    failed = shared.fail.enqueue(MARKER)
    hand.work()
    assert control.retry(Jobs(error="builtins.ValueError")).ready == 1
    hand.work()
    errors = task_backends["default"].get_result(failed.id).errors
    assert [error.traceback.endswith(f"ValueError: {MARKER}\n") for error in errors] == [True, True]


def test_an_error_that_cannot_be_encoded_fails_its_job_and_nothing_else(use_keys, hand):
    use_keys(NEW)
    failed = shared.fail.enqueue("half \ud83d of a character")
    hand.work()
    assert "half" in task_backends["default"].get_result(failed.id).errors[0].traceback


def break_the_backoff(hand):
    policies.fail_with_a_broken_backoff.enqueue()
    hand.work()
    return "the backoff of its Retry raised ZeroDivisionError"


def break_after_commit(hand):
    policies.raise_after_commit.enqueue("name")
    hand.work()
    return "has committed; after that: ZeroDivisionError"


def break_a_receiver(hand):
    def receive(**_):
        raise LookupError("the receiver's own words")

    task_finished.connect(receive)
    try:
        shared.fail.enqueue(MARKER)
        hand.work()
    finally:
        task_finished.disconnect(receive)
    return "the receiver's own words"


def refuse_an_outcome(hand):
    shared.nothing.enqueue()
    (claimed,) = hand.claim()
    outcome = run.run(claimed, hand.owner, hand.interrupts)._replace(returned=f"{MARKER}\x00")
    finish.finish_each(hand.connection, hand.owner, [outcome])
    return "its result cannot be stored: "


@pytest.mark.parametrize("happens", [break_the_backoff, break_after_commit, break_a_receiver, refuse_an_outcome])
def test_what_goes_wrong_is_told_without_the_texts_of_errors(use_keys, hand, caplog, happens):
    use_keys(NEW)
    caplog.set_level(logging.DEBUG)
    told = happens(hand)
    assert told in caplog.text
    assert "division by zero" not in caplog.text
    assert MARKER not in caplog.text


def test_a_schedule_that_cannot_be_enqueued_is_told_by_the_class_of_its_error(use_keys, caplog):
    use_keys(NEW)
    firing.events.schedule_failed("nightly", ValueError(MARKER))
    assert "ValueError" in caplog.text
    assert MARKER not in caplog.text


def backend(**options):
    return TandemBackend("mine", {"QUEUES": [], "OPTIONS": options})


def test_a_key_that_is_none_is_told_by_django_s_checks(settings):
    found = list(backend(encrypt_keys=[NEW, "sesame"], decrypt_keys=["sesame"]).check())
    assert [
        (one.id, str(one.msg).partition(" is not a Fernet key")[0]) for one in found if one.id == "tandem.E103"
    ] == [
        ("tandem.E103", "TASKS['mine']['OPTIONS']: encrypt_keys[1]"),
        ("tandem.E103", "TASKS['mine']['OPTIONS']: decrypt_keys[0]"),
    ]
    assert "sesame" not in str(found)


def test_one_queue_has_one_set_of_keys(use_keys):
    use_keys(NEW)
    assert [one.id for one in backend(encrypt_keys=[OLD]).check()] == ["tandem.E104"]
    assert list(backend(encrypt_keys=[NEW]).check()) == []


def test_a_worker_does_not_start_with_a_key_that_is_none(use_keys):
    use_keys("sesame")
    with pytest.raises(ConfigurationError, match=r"encrypt_keys\[0\] is not a Fernet key"):
        worker.main(None, None)
