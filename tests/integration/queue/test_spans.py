"""Spans: the trace in which a job is enqueued goes on where it runs; nothing of it is there where nobody traces."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from django.db import transaction
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from django_tandem import together
from django_tandem.errors import AlreadyEnqueued
from django_tandem.queue import control, run, spans
from django_tandem.queue.control import Jobs
from django_tandem.queue.tasks_api import task_backends
from tests import jobs as shared
from tests.integration.queue import policies, tasks
from tests.keys import NEW
from tests.office import ROOT


@pytest.fixture(scope="module")
def provider():
    """One for the process: OpenTelemetry lets none take another's place."""
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    return provider


@pytest.fixture
def recorded(provider):
    """What was recorded, in the order in which it ended."""
    exporter = InMemorySpanExporter()
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield exporter.get_finished_spans
    provider._active_span_processor._span_processors = ()


def named(recorded, name):
    return [span for span in recorded() if span.name == name]


def request(name="GET /loans"):
    """What a project's own instrumentation does of a request."""
    return trace.get_tracer("project").start_as_current_span(name, kind=SpanKind.SERVER)


def identity(span):
    return span.context.trace_id, span.context.span_id


def test_a_request_its_job_and_its_run_are_one_trace(recorded, hand):
    with request():
        job = shared.add.enqueue(1, b=2)
    hand.work()
    publish, served, process = recorded()
    assert {span.context.trace_id for span in recorded()} == {served.context.trace_id}
    assert publish.parent.span_id == served.context.span_id
    assert process.parent.span_id == publish.context.span_id
    assert (publish.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert dict(publish.attributes) == {
        "messaging.system": "tandem",
        "messaging.destination.name": "default",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.message.id": job.id,
        "tandem.task": "tests.jobs.add",
    }
    assert dict(process.attributes) == {
        "messaging.system": "tandem",
        "messaging.destination.name": "default",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": job.id,
        "messaging.client.id": f"{hand.owner.server}-{os.getpid()}",
        "tandem.task": "tests.jobs.add",
        "tandem.attempt": 1,
        "tandem.priority": 0,
        "tandem.outcome": "successful",
    }
    assert process.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("task", "loop"),
    [(tasks.traced, False), (tasks.atraced, False), (tasks.atraced, True), (tasks.traced_atomic, False)],
)
def test_what_a_task_records_is_part_of_it(recorded, hand, task, loop):
    task.enqueue()
    (job,) = hand.claim()
    if loop:
        asyncio.run(run.arun(job, hand.owner, hand.interrupts))
    else:
        hand.finish(job)
    (process,), (inner,) = named(recorded, "process default"), named(recorded, "inner")
    assert inner.parent.span_id == process.context.span_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_error_is_recorded_and_the_next_attempt_is_linked_to_it(recorded, hand, database, tmp_path):
    with request():
        policies.fail_until.enqueue(3, str(tmp_path / "attempt"))
    for _ in range(3):
        database.execute("UPDATE tandem_job SET state = 1")
        hand.work()
    first, second, third = named(recorded, "process default")
    (publish,) = named(recorded, "publish default")
    assert [one.parent.span_id for one in (first, second, third)] == [publish.context.span_id] * 3
    assert first.links == ()
    links = [[(link.context.trace_id, link.context.span_id) for link in one.links] for one in (second, third)]
    assert links == [[identity(first)], [identity(second)]]
    assert [one.attributes["tandem.outcome"] for one in (first, second, third)] == ["retried", "retried", "successful"]
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes["error.type"] == "builtins.OSError"
    (event,) = first.events
    assert (event.name, event.attributes["exception.message"]) == ("exception", "attempt 1")


def test_a_failed_job_that_somebody_retries_goes_on_in_its_trace(recorded, hand):
    with request():
        job = shared.fail.enqueue("no")
    hand.work()
    control.retry(Jobs(ids=[int(job.id)]))
    hand.work()
    first, second = named(recorded, "process default")
    assert second.context.trace_id == first.context.trace_id
    assert [link.context.span_id for link in second.links] == [first.context.span_id]
    assert second.attributes["tandem.attempt"] == 2


def test_of_encrypted_jobs_no_text_of_an_error_leaves(recorded, hand, use_keys):
    use_keys(NEW)
    shared.fail.enqueue("a secret")
    hand.work()
    (span,) = named(recorded, "process default")
    assert span.attributes["error.type"] == "builtins.ValueError"
    assert "secret" not in span.to_json()


def test_what_rolls_back_or_is_refused_is_recorded_as_it_was(recorded, hand, jobs):
    policies.score_once.enqueue("ada")
    with pytest.raises(AlreadyEnqueued), request():
        policies.score_once.enqueue("ada")
    first, publish = named(recorded, "publish default")
    assert first.status.status_code is StatusCode.UNSET
    assert publish.attributes["error.type"] == "django_tandem.errors.AlreadyEnqueued"
    hand.work()
    with transaction.atomic():
        shared.add.enqueue(1)
        transaction.set_rollback(True)
    assert jobs() == []


def test_many_are_enqueued_in_one_span(recorded, hand, jobs):
    task_backends["default"].enqueue_many(shared.add, [((n,), {}) for n in range(3)])
    (publish,) = recorded()
    assert publish.attributes["messaging.batch.message_count"] == 3
    assert len({job["trace"] for job in jobs()}) == 1
    hand.work(3)
    assert [span.parent.span_id for span in named(recorded, "process default")] == [publish.context.span_id] * 3


def test_jobs_of_a_block_have_a_span_each(recorded, hand, jobs):
    with together():
        for n in range(2):
            shared.add.enqueue(n, n)
    publishes = named(recorded, "publish default")
    kept = [json.loads(job["trace"])["traceparent"].split("-")[2] for job in jobs()]
    assert kept == [f"{publish.context.span_id:016x}" for publish in publishes]


def test_a_job_with_a_key_has_its_trace_too(recorded, hand, jobs):
    with request():
        policies.score.enqueue("ada")
    with request():
        policies.score_last.enqueue("ada")
        policies.score_last.enqueue("ada")
    publishes = named(recorded, "publish default")
    kept = [json.loads(job["trace"])["traceparent"].split("-")[2] for job in jobs()]
    assert kept == [f"{publishes[0].context.span_id:016x}", f"{publishes[2].context.span_id:016x}"]


def test_a_trace_from_outside_is_not_followed_further_than_it_can_be(recorded, hand, database):
    shared.add.enqueue(1)
    database.execute('UPDATE tandem_job SET trace = \'{"traceparent": "nonsense"}\'')
    hand.work()
    (process,) = named(recorded, "process default")
    assert process.parent is None


def test_a_recorder_that_raises_costs_no_job(recorded, provider, hand, caplog):
    class Broken(SpanProcessor):
        def on_start(self, span, parent_context=None):
            raise RuntimeError("no disk")

        def on_end(self, span):
            raise RuntimeError("no disk")

    provider.add_span_processor(Broken())
    shared.add.enqueue(1)
    (outcome,) = hand.work()
    assert outcome.returned == "1"
    assert "a span is missing: RuntimeError: no disk" in caplog.text
    assert not trace.get_current_span().get_span_context().is_valid


def test_without_a_span_nothing_is_kept(recorded, hand, jobs, monkeypatch):
    monkeypatch.setattr(spans, "are_on", lambda: False)
    shared.add.enqueue(1)
    task_backends["default"].enqueue_many(shared.add, [((2,), {})])
    assert [job["trace"] for job in jobs()] == [None, None]
    hand.work(2)
    assert recorded() == ()


QUIET = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings_for_types"
import django
django.setup()
import django_tandem.queue.backend, django_tandem.queue.worker
from django_tandem.queue import spans
assert not spans.are_on()
spans.flush()
loaded = [name for name in sys.modules if name.startswith("opentelemetry")]
assert not loaded, loaded
import opentelemetry.trace
assert not spans.are_on()
"""


def test_where_nobody_uses_it_nothing_of_it_is_imported():
    command = [sys.executable, "-c", QUIET]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_worker_process_records_and_sends_what_it_recorded_before_it_ends(recorded, start_worker, finished, tmp_path):
    path = tmp_path / "spans.jsonl"
    worker = start_worker(environment={"TANDEM_TEST_SPANS": str(path)})
    with request():
        job = shared.add.enqueue(1)
        shared.asleep.enqueue(0)
    finished(2)
    assert worker.stop() == 0, worker.log
    (served,) = named(recorded, "GET /loans")
    sent = [json.loads(line) for line in path.read_text().splitlines()]
    processed = [one for one in sent if one["name"] == "process default"]
    assert len(processed) == 2
    assert {one["context"]["trace_id"] for one in processed} == {f"0x{served.context.trace_id:032x}"}
    assert job.id in {one["attributes"]["messaging.message.id"] for one in processed}
