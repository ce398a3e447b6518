"""One scrape of the exporter: whole when the stores answer, short and quick when they do not."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.jobs.probes import QUEUE
from tutormax import db, servers
from tutormax.catalogue import Kind, Process, catalogue
from tutormax.exporter.collector import StoreCollector
from tutormax.exporter.discovery import Targets, targets
from tutormax.exporter.stores import Stores
from tutormax.jobs import Request
from tutormax.jobs import insert as insert_jobs
from tutormax.servers import Endpoints

Make = Callable[[Endpoints], Stores]

# How long a scrape may take at the very most: what is waited for, and what is left of a second on a busy machine.
PATIENCE_SECONDS = 3.0


class Elsewhere(Stores):
    """The stores at other addresses than the settings'."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def endpoints(self) -> Endpoints:
        return self._endpoints


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def scraped(collector: StoreCollector) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        f"{sample.name}{sorted(map(str, sample.labels.values()))}": sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def of_the_stores(found: dict[str, float]) -> set[str]:
    return {name.partition("[")[0] for name in found}


@pytest.fixture
def stores() -> Iterator[Make]:
    """Makes stores that are closed when the test ends."""
    made: list[Stores] = []

    def make(endpoints: Endpoints) -> Stores:
        made.append(Elsewhere(endpoints))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def here(database: str, stores: Make) -> Stores:
    """The stores of the test."""
    assert database
    return stores(servers.endpoints())


@pytest.fixture
def collector(here: Stores) -> StoreCollector:
    return StoreCollector(here)


def test_a_scrape_is_what_the_catalogue_says_of_the_exporter(collector: StoreCollector) -> None:
    with db.transaction() as connection:
        insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"})])

    found = scraped(collector)

    assert found["dramatiq_queue_messages['probes', 'ready']"] == 1
    assert (found["dramatiq_broker_up[]"], found["tutormax_database_up[]"]) == (1, 1)
    read = {metric.name for metric in catalogue() if metric.by == (Process.EXPORTER,)}
    without_rows = ("tutormax_schedule", "tutormax_model", "tutormax_canary", "dramatiq_worker", "tutormax_processes")
    assert {name for name in read if not name.startswith(without_rows)} == of_the_stores(found)


def test_the_types_are_those_of_the_catalogue(collector: StoreCollector) -> None:
    kinds = {metric.name.removesuffix("_total"): metric.kind for metric in catalogue()}

    for family in collector.collect():
        assert kinds[family.name] == Kind(family.type)


def test_two_exporters_say_the_same(here: Stores) -> None:
    with db.transaction() as connection:
        insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": str(n)}) for n in range(7)])

    counts = [scraped(StoreCollector(here))["dramatiq_queue_messages['probes', 'ready']"] for _ in range(2)]

    assert counts == [7, 7]


def test_without_the_database_its_families_vanish_and_redis_is_still_told(stores: Make) -> None:
    gone = stores(Endpoints("postgresql+psycopg://nobody@127.0.0.1:1/none", servers.endpoints().broker_url))

    with capture_logs() as lines:
        found = scraped(StoreCollector(gone))

    assert (found["dramatiq_broker_up[]"], found["tutormax_database_up[]"]) == (1, 0)
    assert not of_the_stores(found) & {"dramatiq_queue_messages", "tutormax_tutors", "dramatiq_worker_processes"}
    assert found["tutormax_queue_info['evaluation', 'periodic']"] == 1
    assert [line["event"] for line in lines] == ["cannot be read"]


def test_without_redis_its_families_vanish_and_the_ledger_is_still_told(here: Stores, stores: Make) -> None:
    assert here
    gone = stores(Endpoints(servers.endpoints().database_url, "redis://127.0.0.1:1/0"))

    found = scraped(StoreCollector(gone))

    assert (found["dramatiq_broker_up[]"], found["tutormax_database_up[]"]) == (0, 1)
    assert "tutormax_queue_doorbells" not in of_the_stores(found)
    assert "dramatiq_queue_messages" in of_the_stores(found)


def test_stores_that_hang_are_down_and_hold_no_scrape_up(stores: Make) -> None:
    with silence() as port:
        hanging = stores(Endpoints(f"postgresql+psycopg://nobody@127.0.0.1:{port}/none", f"redis://127.0.0.1:{port}/0"))
        collector = StoreCollector(hanging)
        started = time.monotonic()
        found = scraped(collector)

        assert time.monotonic() - started < PATIENCE_SECONDS
        assert (found["dramatiq_broker_up[]"], found["tutormax_database_up[]"]) == (0, 0)


def test_a_statement_that_waits_for_a_lock_is_given_up(collector: StoreCollector) -> None:
    with db.transaction() as connection:
        connection.execute(text("lock table jobs"))
        started = time.monotonic()

        found = scraped(collector)

        assert time.monotonic() - started < PATIENCE_SECONDS
        assert found["tutormax_database_up[]"] == 0
    assert recovered(collector)


def recovered(collector: StoreCollector) -> bool:
    end = time.monotonic() + 20
    while scraped(collector)["tutormax_database_up[]"] == 0:
        assert time.monotonic() < end
    return True


def test_the_exporter_cannot_write(here: Stores) -> None:
    with here.engine.connect() as connection, pytest.raises(Exception, match="read-only transaction"):
        connection.execute(text("delete from jobs"))


def test_a_scrape_is_text_that_prometheus_reads(collector: StoreCollector) -> None:
    registry = CollectorRegistry()
    registry.register(collector)

    assert b"# TYPE dramatiq_queue_messages gauge" in generate_latest(registry)


def row(address: str | None, **facts: Any) -> dict[str, Any]:
    return {"kind": "worker", "service": "evaluation", "address": address, "state": "up"} | facts


def test_targets_are_grouped_by_job_and_service_and_the_lost_are_among_them() -> None:
    rows = [
        row("a:1"),
        row("a:2", state="lost"),
        row("a:3", service="training"),
        row("a:4", kind="scheduler", service="scheduler"),
        row(None),
    ]

    assert targets(rows) == [
        {"targets": ["a:4"], "labels": {"job": "tutormax-scheduler", "service": "scheduler"}},
        {"targets": ["a:1", "a:2"], "labels": {"job": "tutormax-worker", "service": "evaluation"}},
        {"targets": ["a:3"], "labels": {"job": "tutormax-worker", "service": "training"}},
    ]


def test_an_address_belongs_to_whoever_was_heard_of_last() -> None:
    newest_first = [row("a:1", service="training"), row("a:1", service="evaluation", state="lost")]

    assert targets(newest_first) == [{"targets": ["a:1"], "labels": {"job": "tutormax-worker", "service": "training"}}]


def test_a_list_that_cannot_be_read_is_an_error_so_that_prometheus_keeps_its_own(stores: Make) -> None:
    gone = stores(Endpoints("postgresql+psycopg://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/0"))

    well, said = Targets(gone).page("")

    assert not well
    assert "error" in dict(said)  # type: ignore[call-overload]  # a page says any JSON


def test_a_scrape_job_asks_for_its_own_targets(here: Stores) -> None:
    with db.transaction() as connection:
        connection.execute(
            text(
                "insert into processes (process_id, kind, service, state, host, pid, address) values"
                " (gen_random_uuid(), 'worker', 'w', 'up', 'h', 1, 'a:1'),"
                " (gen_random_uuid(), 'scheduler', 's', 'up', 'h', 1, 'a:2')"
            )
        )

    found = Targets(here)

    assert found.page("job=tutormax-worker")[1] == [
        {"targets": ["a:1"], "labels": {"job": "tutormax-worker", "service": "w"}}
    ]
    assert len(found.page("")[1]) == 2  # type: ignore[arg-type]  # a page says any JSON
