"""Whatever is done to what measures: the work goes on, a scrape is quick or fails, and the fault is a metric itself."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.worker import Worker
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.test_collector import PATIENCE_SECONDS, scraped, silence
from tests.faults.harness import ROOT, eventually, free_port
from tests.label_flood import VALUES
from tutormax import db, metrics_server, settings
from tutormax.exporter.collector import SCRAPE_SECONDS, StoreCollector
from tutormax.exporter.stores import Ledger, Stores
from tutormax.instrumentation import Instrumentation
from tutormax.presence import Presence

HOST = "127.0.0.1"
# What a scrape may take, and what Prometheus takes in.
MOST_SECONDS = 1.0
MOST_SAMPLES = 5000
DAY = 86400.0

FAULTS = "tutormax_metrics_faults_total[]"


def told(exposition: str) -> dict[str, float]:
    """Return the samples of an exposition, by name and label values."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


@dataclass(frozen=True, slots=True)
class Working:
    """A worker of one thread that measures itself."""

    port: int
    actor: dramatiq.Actor[[], None]
    done: threading.Semaphore

    def works(self) -> bool:
        """Tell whether it does a piece of work within seconds."""
        self.actor.send()
        return self.done.acquire(timeout=10)

    def scrape(self) -> dict[str, float]:
        """Return what it says of itself within a second, in one of three tries: others may be busy on the machine."""
        for _ in range(2):
            with suppress(TimeoutError):
                return told(answer(self.port, "/metrics")[1])
        return told(answer(self.port, "/metrics")[1])


def answer(port: int, path: str) -> tuple[int, str]:
    """Ask a process; raise TimeoutError when a second was not enough."""
    connection = HTTPConnection(HOST, port, timeout=MOST_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@contextmanager
def working(port: int, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[Working]:
    """Run a worker that answers at a port, if it can have it."""
    for name, value in {"TUTORMAX_METRICS_PORTS": str(port), **environment}.items():
        monkeypatch.setenv(name, value)
    forget()
    broker, done = StubBroker(middleware=[Instrumentation(), Presence()]), threading.Semaphore(0)
    worker = Worker(broker, worker_timeout=10, worker_threads=1)

    @dramatiq.actor(broker=broker)
    def stressed() -> None:
        done.release()

    worker.start()
    try:
        yield Working(port, stressed, done)
    finally:
        worker.stop()
        monkeypatch.undo()
        forget()


@pytest.fixture
def stores(database: str) -> Iterator[Stores]:
    """The exporter's connections."""
    assert database
    made = Stores()
    yield made
    made.close()


def forget() -> None:
    db.dispose()
    settings.current.cache_clear()


@pytest.mark.usefixtures("database")
def test_a_scrape_that_never_ends_is_hung_up_on_and_stands_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "SLOWEST_READER_SECONDS", 0.5)
    with working(free_port(), monkeypatch) as worker, socket.create_connection((HOST, worker.port)) as endless:
        before = worker.scrape()[FAULTS]
        endless.sendall(b"GET /metrics HTTP/1.1\r\n")

        assert worker.works()
        assert endless.recv(1) == b""
        assert worker.scrape()[FAULTS] > before


def test_thousands_of_label_values_are_folded_and_counted() -> None:
    # In a process of its own: the first values have their names for as long as it lives.
    flooded = subprocess.run(
        [sys.executable, "-m", "tests.label_flood"], capture_output=True, text=True, check=True, cwd=ROOT
    )

    samples = told(flooded.stdout)

    attempts = [number for name, number in samples.items() if name.startswith("dramatiq_messages_total[")]
    assert sum(attempts) == VALUES
    assert len(samples) < MOST_SAMPLES
    for metric, named in (("dramatiq_message_exceptions_total", 20), ("tutormax_tenant_messages_total", 50)):
        assert samples[f"tutormax_metrics_label_overflow_total['{metric}']"] == VALUES - named


@pytest.mark.usefixtures("database")
def test_without_a_free_port_a_worker_works_and_the_exporter_says_who_cannot_be_seen(
    monkeypatch: pytest.MonkeyPatch, stores: Stores
) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with working(taken.getsockname()[1], monkeypatch) as worker:
            assert worker.works()
            without = "tutormax_processes_without_metrics['worker']"
            eventually(lambda: scraped(StoreCollector(stores)).get(without) == 1)


@pytest.mark.usefixtures("database")
def test_a_clock_that_jumps_is_seen_and_spoils_no_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    with working(free_port(), monkeypatch) as worker:
        for jump in (DAY, -DAY):
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            assert worker.works()
            samples = worker.scrape()
            seen = samples["dramatiq_worker_last_poll_timestamp_seconds[]"] - real()
            assert abs(seen - jump) < DAY / 2
            assert 0 <= samples["dramatiq_message_duration_seconds_sum['default', 'stressed']"] < DAY / 2


def test_a_database_that_never_answers_stops_neither_work_nor_scrapes(monkeypatch: pytest.MonkeyPatch) -> None:
    with silence() as silent:
        nowhere = f"postgresql://nobody@{HOST}:{silent}/none"
        with working(free_port(), monkeypatch, DATABASE_URL=nowhere) as worker:
            assert worker.works()
            assert worker.scrape()["dramatiq_worker_threads[]"] == 1
            assert answer(worker.port, "/livez")[0] == 200


class Slow(Stores):
    """Stores of which one takes longer than a scrape may."""

    def ledger(self) -> Ledger:
        time.sleep(SCRAPE_SECONDS + 0.3)
        return super().ledger()


@pytest.mark.usefixtures("database")
def test_a_slow_database_is_down_at_first_and_told_as_slow_from_then_on() -> None:
    stores = Slow()
    collector = StoreCollector(stores)

    started = time.monotonic()
    first = scraped(collector)
    taken = time.monotonic() - started
    eventually(lambda: scraped(collector).get("tutormax_database_read_duration_seconds[]", 0) > MOST_SECONDS)
    stores.close()

    assert taken < PATIENCE_SECONDS
    assert (first["tutormax_database_up[]"], first["dramatiq_broker_up[]"]) == (0, 1)
