"""Spans: OpenTelemetry's trace of a job, from whoever enqueues it to whoever runs it.

Names and attributes are those of OpenTelemetry's conventions for messaging. Nothing here fails a job or an enqueue:
what goes wrong is told, and the span is missing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from django_tandem.queue import at_rest, events
from django_tandem.queue.job import Job, Outcome

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanKind
    from typing_extensions import Self

NAME = "django_tandem"
SYSTEM = "tandem"

# What is carried with a job is short: an identifier, and what vendors add to it.
LONGEST = 2048

FLUSH_S = 5.0


def are_on() -> bool:
    """Whether this process records spans. Nobody who has not imported OpenTelemetry does; then this costs one look into
    a dictionary, and nothing of it is imported here either."""
    if "opentelemetry.trace" not in sys.modules:
        return False
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), (trace.ProxyTracerProvider, trace.NoOpTracerProvider))


class _Recorded:
    """A span around a block. What OpenTelemetry raises is told and not raised."""

    _span: Span | None = None
    _scope: AbstractContextManager[Span] | None = None

    def __enter__(self) -> Self:
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - of somebody's sampler, processor, exporter
            events.untraced(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(error)
        except Exception as broken:  # noqa: BLE001 - as above
            events.untraced(broken)

    def _begin(self) -> None:
        raise NotImplementedError

    def _end(self, error: BaseException | None) -> None:
        try:
            if self._span is not None and error is not None:
                _record(self._span, error)
        finally:
            if self._scope is not None:
                self._scope.__exit__(None, None, None)

    def _enter(
        self,
        kind: SpanKind,
        operation: str,
        queue: str,
        attributes: Mapping[str, Any],
        *,
        context: Context | None = None,
        links: Sequence[Link] = (),
    ) -> None:
        from opentelemetry import trace

        scope = trace.get_tracer(NAME).start_as_current_span(
            f"{operation} {queue}",
            context=context,
            kind=kind,
            attributes={
                "messaging.system": SYSTEM,
                "messaging.destination.name": queue,
                "messaging.operation.name": operation,
                "messaging.operation.type": "send" if operation == "publish" else operation,
                **attributes,
            },
            links=links,
        )
        self._span = scope.__enter__()
        self._scope = scope


class Publishing(_Recorded):
    """The span in which jobs of a task are enqueued. `trace`: what is to be kept with them, so that who runs them can
    go on with it; None where there is nothing to go on with."""

    def __init__(self, task: str, queue: str) -> None:
        self.trace: str | None = None
        self._task, self._queue = task, queue

    def told(self, job: int) -> None:
        """The id of the job that was written."""
        if self._span is not None:
            self._span.set_attribute("messaging.message.id", str(job))

    def told_many(self, count: int) -> None:
        """How many jobs were written."""
        if self._span is not None:
            self._span.set_attribute("messaging.batch.message_count", count)

    def _begin(self) -> None:
        from opentelemetry.trace import SpanKind

        self._enter(SpanKind.PRODUCER, "publish", self._queue, {"tandem.task": self._task})
        self.trace = _carried()


class Processing(_Recorded):
    """The span in which a job is run. It is part of the trace in which the job was enqueued, and linked to the attempt
    before it."""

    def __init__(self, job: Job, worker: str) -> None:
        self._job, self._worker = job, worker
        self._token: Token[Processing | None] | None = None

    def told(self, outcome: Outcome) -> None:
        """What came of it."""
        if self._span is not None:
            name = outcome.state.name.lower() if outcome.wait_s is None else "retried"
            lost = outcome.is_settled and outcome.state.name == "FAILED"
            self._span.set_attribute("tandem.outcome", "dropped" if lost else name)

    def _begin(self) -> None:
        from opentelemetry.trace import Link, SpanKind, get_current_span

        job, before = self._job, _traced_before(self._job.history)
        enqueued, attempted = _context(job.trace or before), get_current_span(_context(before)).get_span_context()
        attributes = {
            "messaging.message.id": str(job.id),
            "messaging.client.id": self._worker,
            "tandem.task": job.task,
            "tandem.attempt": job.attempt,
            "tandem.priority": job.priority,
        }
        links = [Link(attempted)] if attempted.is_valid else []
        self._enter(SpanKind.CONSUMER, "process", job.queue, attributes, context=enqueued, links=links)
        self._token = _processing.set(self)

    def _end(self, error: BaseException | None) -> None:
        if self._token is not None:
            _processing.reset(self._token)
        super()._end(error)

    def failed(self, error: BaseException) -> str | None:
        """Record what the job raised; where this attempt was traced."""
        if self._span is None:
            return None
        _record(self._span, error)
        return _carried()


_processing: ContextVar[Processing | None] = ContextVar("tandem_processing", default=None)


def of_failure(job: Job, error: BaseException) -> dict[str, str]:
    """Record what `job` raised on its span, where it has one here; what its history keeps of that."""
    running = _processing.get()
    if running is None or running._job.id != job.id:
        return {}
    try:
        trace = running.failed(error)
    except Exception as broken:  # noqa: BLE001 - as above
        events.untraced(broken)
        return {}
    return {} if trace is None else {"trace": trace}


def flush() -> None:
    """Send what was recorded: a worker process does not end as others do, and nobody else would."""
    if not are_on():
        return
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        try:
            flush(timeout_millis=round(FLUSH_S * 1000))
        except Exception as error:  # noqa: BLE001 - as above
            events.untraced(error)


def _record(span: Span, error: BaseException) -> None:
    """Where jobs are encrypted, of an error only its class: its text may quote arguments."""
    from opentelemetry.trace import Status, StatusCode

    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, kind))
    if not at_rest.is_on():
        span.record_exception(error)


def _carried() -> str | None:
    """The current span, as it is kept with a job: W3C's trace context. Not its baggage, which anybody may put anything
    into, and which would stand in the table as it is."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    text = json.dumps(carrier)
    return text if carrier and len(text) <= LONGEST else None


def _context(carried: str | None) -> Context:
    """That in which a job goes on: not one that happens to be there in the thread that runs it."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(json.loads(carried) if carried else {}, Context())


def _traced_before(history: str | None) -> str | None:
    """Where the newest attempt was traced that was traced at all."""
    traced = [past["trace"] for past in json.loads(history or "[]") if past.get("trace")]
    return traced[-1] if traced else None
