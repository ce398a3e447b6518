"""Spans over OTLP: imported only where an endpoint is configured, because it needs the extra `tracing`."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from tutormax import __version__
from tutormax.tracing import Flush, Open, Span, SpanKind, TraceContext

_KINDS = {SpanKind.PRODUCER: trace.SpanKind.PRODUCER, SpanKind.CONSUMER: trace.SpanKind.CONSUMER}


class RecordedSpan(Span):
    """A span that is sent to the endpoint when it has ended."""

    recorded = True

    def __init__(self, recorded: trace.Span) -> None:
        there = recorded.get_span_context()
        sampled = bool(there.trace_flags & TraceFlags.SAMPLED)
        super().__init__(TraceContext(f"{there.trace_id:032x}", f"{there.span_id:016x}", sampled))
        self._recorded = recorded

    def note(self, **attributes: str | int) -> None:
        """Add facts to what is recorded."""
        self._recorded.set_attributes(attributes)

    def fail(self, why: str) -> None:
        """Record that the work failed."""
        self._recorded.set_status(Status(StatusCode.ERROR, why))


def recorder(endpoint: str, service: str) -> tuple[Open, Flush]:
    """Return what opens spans of this process, and what sends at once those that have ended.

    A thread of its own sends them by and by, and drops them while nobody listens.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=5)))
    return opener(provider), provider.force_flush


def opener(provider: TracerProvider) -> Open:
    """Return what opens the spans of one provider."""
    tracer = provider.get_tracer("tutormax", __version__)

    @contextmanager
    def opened(
        name: str, kind: SpanKind, parent: TraceContext | None, attributes: dict[str, str | int]
    ) -> Iterator[Span]:
        context = None if parent is None else trace.set_span_in_context(NonRecordingSpan(_remote(parent)))
        # What a span is told of a failure is in its status: the traceback stands in the log, once.
        with tracer.start_as_current_span(
            name, context, _KINDS[kind], attributes, record_exception=False, set_status_on_exception=False
        ) as recorded:
            yield RecordedSpan(recorded)

    return opened


def _remote(parent: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)
