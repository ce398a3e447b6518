"""What answers from outside: metrics and probes, on this machine only unless somebody says otherwise."""

import socket
from http.client import HTTPConnection

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.faults.harness import ROOT, free_port
from tutormax import metrics_server, settings


def test_metrics_are_bound_to_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTORMAX_METRICS_HOST", raising=False)
    host = settings.load().metrics_host
    port = metrics_server.serve(host, f"{free_port()}", CollectorRegistry(), {})

    assert host == "127.0.0.1"
    assert port is not None
    with socket.create_connection((host, port), timeout=5), pytest.raises(ConnectionRefusedError):
        # Another address of this machine that a listener on all of them would answer at.
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics", 200),
        ("GET", "/", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/debug", 404),
        ("GET", "/livez?x=%00", 200),
        ("POST", "/livez", 200),
    ],
)
def test_what_is_answered_is_metrics_and_probes_and_nothing_else(method: str, path: str, status: int) -> None:
    port = metrics_server.serve("127.0.0.1", f"{free_port()}", CollectorRegistry(), {"/livez": lambda _: (True, {})})
    assert port is not None

    asked = HTTPConnection("127.0.0.1", port, timeout=5)
    asked.request(method, path)
    answer = asked.getresponse()
    body = answer.read()
    asked.close()

    assert answer.status == status
    assert b"root:" not in body


def test_grafana_wants_a_password() -> None:
    compose = yaml.safe_load((ROOT / "deploy/compose/compose.yml").read_text(encoding="utf-8"))
    grafana = compose["services"]["grafana"]["environment"]

    assert "GF_SECURITY_ADMIN_PASSWORD__FILE" in grafana
    assert grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert grafana.get("GF_AUTH_ANONYMOUS_ENABLED", "false") == "false"
