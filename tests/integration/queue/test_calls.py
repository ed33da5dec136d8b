"""How unfinished jobs call their tasks: counted by what a signature must accept, encrypted or not."""

from datetime import datetime, timedelta, timezone

from django_tandem.queue.calls import Call, calls
from tests.integration.queue import tasks
from tests.keys import MARKER, NEW

ECHO = "tests.integration.queue.tasks.echo"


def enqueue_some():
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    tasks.echo.enqueue(1, "two", [3])
    tasks.echo.enqueue(4, "five", {"a": 1})
    tasks.echo.using(run_after=later).enqueue(1, b=2, a={"x": "\x00 \U0001f600"})
    tasks.special.enqueue()


ENQUEUED = [
    Call(ECHO, 1, ("a", "b"), 1),
    Call(ECHO, 3, (), 2),
    Call("tests.integration.queue.tasks.special", 0, (), 1),
]


def test_without_jobs_there_are_none(database):
    assert calls(database) == []


def test_calls_are_counted_by_task_and_by_how_they_pass_what(hand):
    enqueue_some()
    hand.claim(queues=["special"])
    assert calls(hand.connection) == ENQUEUED  # one that runs too: it may have to run again


def test_a_finished_job_is_none(hand):
    tasks.special.enqueue()
    hand.work(queues=["special"])
    assert calls(hand.connection) == []


def test_encrypted_jobs_are_counted_with_the_others(hand, use_keys):
    enqueue_some()
    use_keys(NEW)
    enqueue_some()
    tasks.echo.enqueue(note=MARKER)
    found = calls(hand.connection)
    assert found == [Call(ECHO, 0, ("note",), 1), *(one._replace(jobs=2 * one.jobs) for one in ENQUEUED)]
