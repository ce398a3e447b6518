"""Prometheus, Alertmanager and somebody who is told, all real, on loopback."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from grafana.src.prometheus import Prometheus
from tests.faults.harness import eventually, free_port
from tests.ops import shortened

PACKAGES = "prometheus, prometheus-alertmanager, prometheus-redis-exporter and prometheus-postgres-exporter"


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as it arrived at the webhook."""

    receiver: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]


class Webhook:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.told += [
                    Told(body["receiver"], alert["status"], alert["labels"], alert["annotations"])
                    for alert in body["alerts"]
                ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self.server.shutdown()
        self.server.server_close()


class Observatory:
    """What can be asked of Prometheus and Alertmanager, and what the webhook was told."""

    def __init__(self, prometheus: int, alertmanager: int, webhook: Webhook) -> None:
        self.url = f"http://127.0.0.1:{prometheus}"
        self._ask = Prometheus(self.url)
        self._alertmanager = alertmanager
        self.webhook = webhook

    def series(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression answers now."""
        found: list[dict[str, Any]] = self._ask("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float | None:
        """Return the one number that an expression answers now; None when there is none."""
        found = self.series(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def by(self, label: str, expression: str) -> dict[str, float]:
        """Return the numbers that an expression answers now, by one of their labels."""
        return {found["metric"][label]: float(found["value"][1]) for found in self.series(expression)}

    def samples(self, selector: str, since: float) -> list[float]:
        """Return what was scraped of one series since an instant, in order."""
        [found] = self.series(f"{selector}[5m]")
        return [float(value) for at, value in found["values"] if at > since]

    def await_value(self, expression: str, expected: float) -> None:
        """Wait until an expression answers this number; fail with what it answers instead."""
        with suppress(AssertionError):
            eventually(lambda: self.value(expression) == expected)
        told = self.value(expression)
        assert told == expected, f"{told}, not {expected}: {expression}"

    def await_numbers(self, label: str, expression: str, expected: Mapping[str, float]) -> None:
        """Wait until an expression answers these numbers; fail with those that it answers instead."""
        with suppress(AssertionError):
            eventually(lambda: self.by(label, expression) == expected)
        told = self.by(label, expression)
        assert told == expected, f"{told}, not {expected}: {expression}"

    def exemplars(self, expression: str) -> list[dict[str, str]]:
        """Return the labels of the exemplars of the last minutes."""
        now = time.time()
        found = self._ask("query_exemplars", query=expression, start=str(now - 300), end=str(now))
        return [exemplar["labels"] for series in found for exemplar in series["exemplars"]]

    def suppressed(self) -> dict[str, list[str]]:
        """Return the alerts that Alertmanager does not tell, each with the alerts that explain it."""
        connection = HTTPConnection("127.0.0.1", self._alertmanager, timeout=10)
        connection.request("GET", "/api/v2/alerts")
        alerts = json.loads(connection.getresponse().read())
        connection.close()
        names = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in alerts}
        return {
            alert["labels"]["alertname"]: [names[by] for by in alert["status"]["inhibitedBy"] if by in names]
            for alert in alerts
            if alert["status"]["inhibitedBy"]
        }

    def await_alert(self, name: str, status: str, since: int, **labels: str) -> Told:
        """Wait until the webhook is told of an alert, after what it had been told by then."""
        eventually(lambda: self._told(name, status, since, labels) is not None, seconds=120)
        told = self._told(name, status, since, labels)
        assert told is not None
        return told

    def _told(self, name: str, status: str, since: int, labels: dict[str, str]) -> Told | None:
        for told in self.webhook.told[since:]:
            if (told.name, told.status) == (name, status) and labels.items() <= told.labels.items():
                return told
        return None


@contextmanager
def observatory(directory: Path, exporters: Sequence[int], stores: Mapping[str, str]) -> Iterator[Observatory]:
    """Run Prometheus, Alertmanager and the stores' own exporters with the shortened configuration."""
    webhook = Webhook()
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "redis", "postgres")}
    rules = _write(directory / "rules.yml", shortened.rules())
    watched = _write(directory / "prometheus.yml", shortened.prometheus(rules, ports, exporters))
    told = _write(directory / "alertmanager.yml", shortened.alertmanager(webhook.port))
    at = {name: f"--web.listen-address=127.0.0.1:{port}" for name, port in ports.items()}
    with ExitStack() as stack:
        stack.callback(webhook.close)
        run = partial(_run, stack, directory)
        storage = f"--storage.tsdb.path={directory / 'prometheus'}"
        run("prometheus", f"--config.file={watched}", storage, at["prometheus"], "--enable-feature=exemplar-storage")
        storage = f"--storage.path={directory / 'alertmanager'}"
        alone = "--cluster.listen-address="
        run("prometheus-alertmanager", f"--config.file={told}", storage, at["alertmanager"], alone)
        run("prometheus-redis-exporter", f"--redis.addr={stores['redis']}", at["redis"])
        run("prometheus-postgres-exporter", at["postgres"], DATA_SOURCE_NAME=stores["postgres"])
        for name in ("prometheus", "alertmanager"):
            eventually(_ready(ports[name]))
        yield Observatory(ports["prometheus"], ports["alertmanager"], webhook)


def _run(stack: ExitStack, directory: Path, program: str, *options: str, **environment: str) -> None:
    path = shutil.which(program)
    assert path, f"{program} is not in PATH: install Debian's {PACKAGES}"
    with (directory / f"{program}.log").open("wb") as log:
        process = subprocess.Popen([path, *options], env=os.environ | environment, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _ready(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    return ready
