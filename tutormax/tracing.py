"""Traces: one W3C trace context, from whoever asks for a job through its attempts and into the jobs that it sends.

The context is always there: it costs two random numbers, and every log line of a job names its trace. Spans are made
only when an OTLP endpoint is configured; OpenTelemetry is imported then and not before.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Self

from tutormax import log
from tutormax.attempt import Attempt

_log = log.get(__name__)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_SAMPLED = 1
FLUSH_SECONDS = 2.0


class SpanKind(StrEnum):
    """What a span is about, in OpenTelemetry's words."""

    PRODUCER = "producer"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace, as https://www.w3.org/TR/trace-context/ writes it."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @classmethod
    def begin(cls) -> Self:
        """Return the beginning of a new trace."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return what a traceparent says; None where it says nothing valid."""
        match = _TRACEPARENT.fullmatch(text or "")
        if match is None or not int(match["trace"], 16) or not int(match["span"], 16):
            return None
        return cls(match["trace"], match["span"], sampled=bool(int(match["flags"], 16) & _SAMPLED))

    def child(self) -> Self:
        """Return a further place in the same trace."""
        return type(self)(self.trace_id, secrets.token_hex(8), self.sampled)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


class Span:
    """A piece of work with its place in a trace; this one is not recorded."""

    recorded = False

    def __init__(self, context: TraceContext) -> None:
        self.context = context

    def note(self, **attributes: str | int) -> None:
        """Add facts to what is recorded."""

    def fail(self, why: str) -> None:
        """Record that the work failed."""


# Opens a recorded span: name, kind, parent and attributes.
Open = Callable[[str, SpanKind, TraceContext | None, dict[str, str | int]], AbstractContextManager[Span]]
# Sends what has ended, however long that takes.
Flush = Callable[[], object]


class _Recording:
    open: Open | None = None
    flush: Attempt[object] | None = None


_current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def current() -> TraceContext | None:
    """Return where in which trace this thread works."""
    return _current.get()


@contextmanager
def span(name: str, kind: SpanKind, parent: TraceContext | None, **attributes: str | int) -> Iterator[Span]:
    """Work below a parent, or at the beginning of a trace; what is sent meanwhile belongs to the same one."""
    with _opened(name, kind, parent, attributes) as opened:
        token = _current.set(opened.context)
        try:
            yield opened
        finally:
            _current.reset(token)


@contextmanager
def _unrecorded(parent: TraceContext | None) -> Iterator[Span]:
    yield Span(parent.child() if parent else TraceContext.begin())


def _opened(
    name: str, kind: SpanKind, parent: TraceContext | None, attributes: dict[str, str | int]
) -> AbstractContextManager[Span]:
    return _unrecorded(parent) if _Recording.open is None else _Recording.open(name, kind, parent, attributes)


def record(opens: Open | None, flush: Flush | None = None) -> None:
    """Open spans with this from now on; None records none."""
    _Recording.open = opens
    _Recording.flush = None if flush is None else Attempt("spans", flush)


def flush(seconds: float = FLUSH_SECONDS) -> None:
    """Send the spans that have ended, for so long and no longer: whoever leaves by os._exit sends no more."""
    if _Recording.flush is not None:
        with suppress(TimeoutError):
            _Recording.flush.result(seconds)


def configure(endpoint: str | None, service: str) -> None:
    """Record spans and send them to an OTLP endpoint from now on; where none is named, record none."""
    record(None)
    if endpoint is None:
        return
    try:
        record(*import_module("tutormax.spans").recorder(endpoint, service))
    except ImportError as error:
        _log.error("no spans: install tutormax[tracing]", error=str(error))
