"""Re-encrypt: everything comes under the newest key while workers run, so that the old one can be dropped."""

import json

import pytest

from django_tandem.errors import ConfigurationError
from django_tandem.queue import control
from django_tandem.queue.encryption import Encryption
from django_tandem.queue.reencrypt import BATCH, Renewed, reencrypt
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import policies, tasks
from tests.keys import MARKER, NEW, OLD, OTHER
from tests.waiting import until


def under(stored, key):
    """How many texts are stored under a key."""
    return stored().count(Encryption([key]).prefix)


def test_a_key_is_changed_while_a_worker_runs_and_the_old_one_is_dropped(
    use_keys, hand, start_worker, running, jobs, finished, stored, tmp_path
):
    use_keys(OLD)
    done, failed = tasks.echo.enqueue(MARKER), shared.fail.enqueue(MARKER)
    hand.work(2)
    use_keys(NEW, OLD)
    process = start_worker(threads=1)
    use_keys(OLD)  # the one who enqueues is not told yet
    path = running()
    until(path.exists)
    later = tasks.echo.enqueue(MARKER)

    use_keys(NEW, OLD)
    assert reencrypt() == Renewed(jobs=2, results=2, unopened=[], remain=0)
    assert under(stored, OLD) == 0
    assert reencrypt() == Renewed(jobs=0, results=0, unopened=[], remain=0)

    path.unlink()
    finished(4)
    assert process.stop() == 0
    use_keys(NEW)
    assert under(stored, OLD) == 0
    results = [task_backends["default"].get_result(one.id) for one in (done, later)]
    assert [one.return_value for one in results] == [[[MARKER], {}]] * 2
    assert MARKER in task_backends["default"].get_result(failed.id).errors[0].traceback
    assert MARKER not in stored()


def test_what_a_running_job_has_of_former_errors_remains_until_it_has_ended(use_keys, hand, stored):
    use_keys(OLD)
    shared.fail.enqueue(MARKER)
    hand.work()
    control.retry(control.Jobs(every=True))
    (claimed,) = hand.claim()
    use_keys(NEW, OLD)
    assert reencrypt() == Renewed(jobs=1, results=0, unopened=[], remain=1)
    hand.finish(claimed)
    assert under(stored, OLD) == 1
    assert reencrypt() == Renewed(jobs=0, results=1, unopened=[], remain=0)
    assert under(stored, OLD) == 0


def test_what_was_plain_is_encrypted_and_its_keys_become_digests(use_keys, hand, jobs, stored):
    tasks.echo.enqueue(MARKER)
    shared.fail.enqueue(MARKER)
    policies.ask_and_fail.enqueue(MARKER)
    hand.work(3)
    unique, last = policies.score.enqueue(MARKER), policies.score_last.enqueue(MARKER)
    for _ in range(2):
        policies.ask_one.enqueue(MARKER)
    (first,) = [job for job in hand.claim(9) if job.task.endswith("ask_one")]
    use_keys(NEW)
    done = reencrypt()
    assert done[2:] == ([], 0)
    assert MARKER not in stored()
    assert policies.score.enqueue(MARKER).id == unique.id
    assert policies.ask_one.enqueue(MARKER).id
    assert len({job["limit_key"] for job in jobs() if job["limit_key"]}) == 1
    assert [job.task for job in hand.claim(9)] == []  # the one that runs is counted
    hand.finish(first)
    assert last.id in {str(job["id"]) for job in jobs()}


def test_the_keys_of_failed_jobs_become_digests_and_hold_for_their_retry(use_keys, hand, stored):
    unique, last = policies.fail_alone.enqueue(MARKER), policies.fail_or_be_replaced.enqueue(MARKER, note="x")
    hand.work(2)
    use_keys(NEW)
    assert reencrypt()[2:] == ([], 0)
    assert MARKER not in stored()
    assert control.retry(control.Jobs(every=True)) == (2, 0)
    assert policies.fail_alone.enqueue(MARKER).id == unique.id
    assert policies.fail_or_be_replaced.enqueue(MARKER, note="y").id == last.id


def test_of_two_jobs_of_a_key_the_later_keeps_it(use_keys, jobs):
    old = policies.score.enqueue(MARKER)
    use_keys(NEW)
    new = policies.score.enqueue(MARKER)
    assert new.id != old.id
    assert reencrypt().remain == 0
    keys = {str(job["id"]): job["unique_key"] for job in jobs()}
    assert keys[old.id] is None
    assert keys[new.id].startswith("hmac:")


def test_without_keys_that_encrypt_everything_becomes_plain_again(use_keys, hand, stored):
    use_keys(NEW)
    done, failed = tasks.echo.enqueue(MARKER), shared.fail.enqueue(MARKER)
    hand.work(2)
    waiting = tasks.echo.enqueue(MARKER)
    use_keys(decrypt=[NEW])
    assert reencrypt() == Renewed(jobs=1, results=2, unopened=[], remain=0)
    assert "fernet:" not in stored()
    use_keys()
    hand.work()
    for job in (done, waiting):
        assert task_backends["default"].get_result(job.id).return_value == [[MARKER], {}]
    assert MARKER in task_backends["default"].get_result(failed.id).errors[0].traceback


def test_what_cannot_be_opened_is_named_and_left_as_it_is(use_keys, jobs, stored):
    use_keys(OTHER)
    lost = tasks.echo.enqueue(MARKER)
    use_keys(OLD)
    tasks.echo.enqueue(MARKER)
    use_keys(NEW, OLD)
    assert reencrypt() == Renewed(jobs=1, results=0, unopened=[int(lost.id)], remain=1)
    assert (under(stored, NEW), under(stored, OTHER)) == (1, 1)
    use_keys(NEW, OTHER)
    assert reencrypt() == Renewed(jobs=1, results=0, unopened=[], remain=0)


def test_more_than_a_batch(use_keys, hand, jobs):
    use_keys(OLD)
    count = 2 * BATCH + 1
    task_backends["default"].enqueue_many(tasks.echo, [((number,), {}) for number in range(count)])
    use_keys(NEW, OLD)
    assert reencrypt() == Renewed(jobs=count, results=0, unopened=[], remain=0)
    use_keys(NEW)
    opened = Encryption([NEW])
    assert [json.loads(opened.open(job["arguments"]))[0][0] for job in jobs()] == list(range(count))


def test_a_job_that_is_being_ended_is_passed_over_and_remains(use_keys, others, jobs):
    use_keys(OLD)
    tasks.echo.enqueue(MARKER)
    use_keys(NEW, OLD)
    other = others()
    with other.transaction():
        other.execute("SELECT FROM tandem_job FOR UPDATE")
        assert reencrypt() == Renewed(jobs=0, results=0, unopened=[], remain=1)
    assert reencrypt() == Renewed(jobs=1, results=0, unopened=[], remain=0)


def test_words_in_an_error_that_look_like_a_stored_one_are_none(use_keys, hand):
    shared.fail.enqueue('"text": "fernet:00000000:x"')
    hand.work()
    use_keys(decrypt=[NEW])
    assert reencrypt() == Renewed(jobs=0, results=0, unopened=[], remain=0)
    use_keys(NEW)
    assert reencrypt() == Renewed(jobs=0, results=1, unopened=[], remain=0)


def test_without_any_key_there_is_nothing_to_do(database):
    with pytest.raises(ConfigurationError, match=r"^no keys are configured"):
        reencrypt()
