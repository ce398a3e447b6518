"""The HTTP server of every process: answers, and is never in the way."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from tests.faults.harness import eventually, free_port
from tutormax import metrics_server
from tutormax.catalogue import Process, registry
from tutormax.metrics_server import MOST_READERS, Page, serve

PAGES: dict[str, Page] = {"/well": lambda query: (True, {"query": query}), "/ill": lambda _: (False, {"why": "ill"})}
HOST = "127.0.0.1"


class Breaking(Collector):
    """A collector with a fault in it."""

    def collect(self) -> Iterator[Metric]:
        raise KeyError("a row without its column")


def served(collected: CollectorRegistry | None = None) -> int:
    port = serve(HOST, str(free_port()), collected or registry(Process.EXPORTER), PAGES)
    assert port is not None
    return port


def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    connection = HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers["Content-Type"] or "", answer.read().decode()


def faults() -> float:
    return registry(Process.EXPORTER).get_sample_value("tutormax_metrics_faults_total") or 0.0


def test_metrics_come_as_text_or_as_openmetrics() -> None:
    port = served()

    text = get(port, "/metrics")
    modern = get(port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert text[1].startswith("text/plain")
    assert modern[1].startswith("application/openmetrics-text")
    assert modern[2].endswith("# EOF\n")


def test_a_page_says_by_its_status_whether_all_is_well() -> None:
    port = served()

    assert get(port, "/well?a=1") == (200, "application/json", '{"query":"a=1"}')
    assert get(port, "/ill") == (503, "application/json", '{"why":"ill"}')
    assert get(port, "/nothing")[0] == 404


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        first = taken.getsockname()[1]

        assert serve(HOST, f"{first}-{first + 20}", registry(Process.EXPORTER), PAGES) in range(first + 1, first + 21)


def test_no_free_port_is_an_answer_and_no_error() -> None:
    port = served()

    assert serve(HOST, str(port), registry(Process.EXPORTER), PAGES) is None
    assert serve("192.0.2.1", str(port), registry(Process.EXPORTER), PAGES) is None


def test_a_fault_in_a_collector_is_a_500_and_counted() -> None:
    broken = CollectorRegistry()
    broken.register(Breaking())
    before = faults()

    assert get(served(broken), "/metrics")[0] == 500
    assert faults() == before + 1


def test_readers_that_never_finish_are_hung_up_on_and_keep_nobody_out_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_server, "SLOWEST_READER_SECONDS", 3.0)
    port = served()
    before = faults()
    with ExitStack() as held:
        slow = [held.enter_context(socket.create_connection((HOST, port))) for _ in range(MOST_READERS)]
        for one in slow:
            one.sendall(b"GET /metr")

        assert answered(port) is None
        assert faults() > before
        assert [one.recv(1) for one in slow] == [b""] * MOST_READERS
        eventually(lambda: answered(port) == 200)


def answered(port: int) -> int | None:
    try:
        return get(port, "/well")[0]
    except (OSError, HTTPException):
        return None
