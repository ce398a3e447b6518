"""Traces: one from whoever asked, through every attempt and into the jobs that a job sends."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind as OtherSpanKind
from opentelemetry.trace import StatusCode
from sqlalchemy import select, text

from tests.jobs import probes
from tutormax import db, spans, tracing
from tutormax.jobs import ring
from tutormax.middleware import Lifecycle
from tutormax.tables import jobs
from tutormax.tracing import SpanKind, TraceContext

EXAMPLE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def effects(database: str) -> None:
    """A database of the test's own with a table of effects; nobody is rung."""
    assert database
    ring.use(None)
    with db.transaction() as connection:
        probes.make_effects(connection)


@pytest.fixture
def recorded() -> Iterator[InMemorySpanExporter]:
    """Spans as they would be sent."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.record(spans.opener(provider))
    yield exporter
    tracing.record(None)


def contexts(actor: str) -> list[TraceContext]:
    with db.transaction() as connection:
        found = connection.execute(select(jobs.c.trace_context).where(jobs.c.actor == actor)).scalars()
        return [context for text in found if (context := TraceContext.parse(text)) is not None]


def due_again() -> None:
    with db.transaction() as connection:
        connection.execute(text("update jobs set available_at = now() where state = 'pending'"))


def test_a_traceparent_is_read_and_written_as_the_standard_says() -> None:
    context = TraceContext.parse(EXAMPLE)

    assert context == TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
    assert str(context) == EXAMPLE


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "nonsense",
        EXAMPLE.upper(),
        EXAMPLE[:-3],
        EXAMPLE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
    ],
)
def test_what_is_no_traceparent_is_none(wrong: str | None) -> None:
    assert TraceContext.parse(wrong) is None


def test_work_below_a_parent_stays_in_its_trace_and_leaves_none_behind() -> None:
    parent = TraceContext.begin()

    with tracing.span("work", SpanKind.CONSUMER, parent) as span:
        inside = tracing.current()

    assert inside == span.context
    assert (span.context.trace_id, span.context.span_id != parent.span_id) == (parent.trace_id, True)
    assert tracing.current() is None


@pytest.mark.usefixtures("effects")
def test_a_job_and_the_jobs_it_sends_are_one_trace() -> None:
    job = probes.leave_mark_and_send.send("a")

    probes.leave_mark_and_send.answer(str(job))

    [asked], [followed] = contexts("leave_mark_and_send"), contexts("leave_mark")
    assert followed.trace_id == asked.trace_id
    assert followed.span_id != asked.span_id


@pytest.mark.usefixtures("effects")
def test_a_trace_survives_the_retries() -> None:
    job = probes.fail_until.send("a", 3)
    [before] = contexts("fail_until")

    for _ in range(3):
        due_again()
        probes.fail_until.answer(str(job))

    assert contexts("fail_until") == [before]


@pytest.mark.usefixtures("effects")
def test_with_an_endpoint_every_attempt_is_a_span_below_the_one_that_asked(recorded: InMemorySpanExporter) -> None:
    job = probes.fail_until.send("a", 2)
    for _ in range(2):
        due_again()
        probes.fail_until.answer(str(job))

    asked, failed, done = recorded.get_finished_spans()
    assert [span.name for span in (asked, failed, done)] == [
        "send fail_until",
        "process fail_until",
        "process fail_until",
    ]
    assert [span.kind for span in (asked, failed)] == [OtherSpanKind.PRODUCER, OtherSpanKind.CONSUMER]
    assert {span.context.trace_id for span in (asked, failed, done)} == {asked.context.trace_id}
    assert [span.parent.span_id for span in (failed, done) if span.parent] == [asked.context.span_id] * 2
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "RuntimeError")
    assert done.status.status_code is StatusCode.UNSET
    assert (done.attributes or {})["messaging.message.id"] == str(job)


def test_a_parent_that_is_not_sampled_is_not_recorded(recorded: InMemorySpanExporter) -> None:
    with tracing.span("work", SpanKind.CONSUMER, TraceContext("1" * 32, "2" * 16, sampled=False)) as span:
        pass

    assert recorded.get_finished_spans() == ()
    assert (span.context.trace_id, span.context.sampled) == ("1" * 32, False)


@contextmanager
def collector() -> Iterator[tuple[str, list[str]]]:
    """Something that takes spans: its address, and the paths to which they were sent."""
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()


def stop_a_worker() -> None:
    broker = StubBroker()
    Lifecycle().after_worker_shutdown(broker, Worker(broker))


def test_a_worker_that_stops_sends_the_spans_that_have_ended() -> None:
    with collector() as (address, taken):
        tracing.configure(address, "test")
        with tracing.span("work", SpanKind.CONSUMER, None):
            pass

        stop_a_worker()

    tracing.record(None)
    assert taken == ["/v1/traces"]


def test_a_worker_that_stops_does_not_wait_for_a_collector_that_hangs() -> None:
    release = Event()
    tracing.record(None, flush=release.wait)
    started = time.monotonic()

    stop_a_worker()

    tracing.record(None)
    release.set()
    assert time.monotonic() - started < 10


def ran(program: str) -> str:
    """Run a program in an interpreter of its own; return what it printed."""
    command = [sys.executable, "-c", f"import sys; import actors\nfrom tutormax import tracing\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_what_sends_spans_is_imported_with_an_endpoint_and_not_without() -> None:
    # Not the whole of OpenTelemetry: redis-py itself imports its metrics where it is installed.
    ours = "print([name for name in ('tutormax.spans', 'opentelemetry.exporter') if name in sys.modules])\n"

    said = ran(f"tracing.configure(None, 'test')\n{ours}tracing.configure('http://127.0.0.1:1', 'test')\n{ours}")

    assert said.splitlines() == ["[]", "['tutormax.spans', 'opentelemetry.exporter']"]


def test_without_opentelemetry_work_goes_on_and_the_lack_is_told() -> None:
    program = (
        "from structlog.testing import capture_logs\n"
        "for name in [name for name in sys.modules if name.startswith('opentelemetry')]: sys.modules[name] = None\n"
        "sys.modules['opentelemetry'] = None\n"
        "with capture_logs() as lines: tracing.configure('http://127.0.0.1:1', 'test')\n"
        "with tracing.span('work', tracing.SpanKind.CONSUMER, None): print(lines[0]['event'])"
    )

    assert ran(program) == "no spans: install tutormax[tracing]\n"
