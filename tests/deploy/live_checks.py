"""What only Prometheus' and Alertmanager's own programs can say of our files: `make check-rules`.

Named so that `make test` does not collect it: whoever has no promtool shall see no test fail.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from grafana.src import known
from grafana.src.dashboards import ALL
from grafana.src.filling import Look, filled
from tests.deploy import quoted

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager"
CONFIGURATION = ALERTMANAGER / "alertmanager.yml"
READY_SECONDS = 20.0

DATA_TEAM = {
    "TutorMaxFeatureDrift",
    "TutorMaxModelQualityLow",
    "TutorMaxModelStale",
    "TutorMaxModelUnusable",
    "TutorMaxRiskShareJump",
    "TutorMaxScoreDrift",
}


def said(*command: str | Path) -> str:
    """Run a program; return what it says, and fail with that if it is not content."""
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=100)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_prometheus_takes_its_configuration() -> None:
    said("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


def test_the_rules_pass_every_lint_of_promtool() -> None:
    said("promtool", "check", "rules", "--lint=all", "--lint-fatal", *sorted(known.RULES.glob("*.yml")))


@pytest.mark.parametrize("path", sorted((PROMETHEUS / "tests").glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_stay_quiet_when_they_should(path: Path) -> None:
    said("promtool", "test", "rules", path)


def test_prometheus_understands_every_panel_and_every_quoted_query(tmp_path: Path) -> None:
    panels = [query.expression for made in ALL for panel in made.panels for query in panel.queries]
    runbooks = [line for quote in quoted.blocks("promql") for line in quote.text.splitlines()]
    asked = [filled(text, {}, Look()) for text in panels + runbooks]
    rules = [{"record": f"asked:number{number}", "expr": text} for number, text in enumerate(asked)]
    (tmp_path / "asked.yml").write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))

    assert f"{len(asked)} rules found" in said("promtool", "check", "rules", tmp_path / "asked.yml")


@pytest.mark.parametrize(("title", "overdue"), [("Schedules overdue", 1), ("Overdue now", 300)])
def test_a_paused_schedule_is_overdue_in_no_panel(tmp_path: Path, title: str, overdue: int) -> None:
    [query] = [panel.queries[0] for made in ALL for panel in made.panels if panel.title == title]
    series = [
        {"series": f'tutormax_schedule_{what}{{job="e",instance="e1",schedule="{name}"}}', "values": f"{value}x10"}
        for name, deadline, paused in (("training", 300, 0), ("cleanup", 300, 1), ("evaluation", 3600, 0))
        for what, value in (("deadline_timestamp_seconds", deadline), ("paused", paused))
    ]
    chosen = dict.fromkeys(("job", "instance", "schedule"), ".+")
    asked = {"expr": f"sum({filled(query.expression, chosen, Look())})", "eval_time": "10m"}
    case = {"input_series": series, "promql_expr_test": [asked | {"exp_samples": [{"labels": "{}", "value": overdue}]}]}
    (tmp_path / "paused.yml").write_text(json.dumps({"tests": [case | {"interval": "1m"}]}))

    said("promtool", "test", "rules", tmp_path / "paused.yml")


def test_alertmanager_takes_its_configuration() -> None:
    assert "1 templates" in said("amtool", "check-config", CONFIGURATION)


@pytest.mark.parametrize("rule", known.alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_reaches_whom_it_is_for(rule: Any) -> None:
    labels = {"alertname": rule["alert"], **rule["labels"]}

    receiver = said(
        "amtool", "config", "routes", "test", f"--config.file={CONFIGURATION}", *(f"{k}={v}" for k, v in labels.items())
    )

    assert receiver.strip() == _receiver(labels)


def _receiver(labels: dict[str, str]) -> str:
    if labels["severity"] == "none":
        return "deadman"
    if labels["severity"] == "critical":
        return "pager"
    return "data-team" if labels["alertname"] in DATA_TEAM else "tickets"


def test_a_notification_carries_the_addresses_of_runbook_and_dashboard() -> None:
    text = said(
        "amtool",
        "template",
        "render",
        f"--template.glob={ALERTMANAGER}/templates/*.tmpl",
        '--template.text={{ template "tutormax.title" . }} {{ template "tutormax.text" . }}',
    )

    assert "Runbook: https://runbooks.example/" in text
    assert "Dashboard: https://grafana.example" in text


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Alertmanager with our configuration; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = which("prometheus-alertmanager") or which("alertmanager")
    assert program is not None
    storage = tmp_path_factory.mktemp("alertmanager")
    options = [f"--storage.path={storage}", f"--web.listen-address={address}", "--cluster.listen-address="]
    with subprocess.Popen(
        [program, f"--config.file={CONFIGURATION}", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _wait_for(address)
        yield address
        process.terminate()


def _wait_for(address: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            asked(address, "GET", "/-/ready")
        except OSError:
            assert time.monotonic() < end, "Alertmanager does not come up"
            time.sleep(0.1)
        else:
            return


def asked(address: str, method: str, path: str, body: Any = None) -> Any:
    """Ask Alertmanager; return what it answers."""
    connection = HTTPConnection(address, timeout=5)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text) if text.startswith((b"[", b"{")) else text
    finally:
        connection.close()


EXPLAINED = [
    ("TutorMaxDatabaseDown", "TutorMaxQueueNoWorkers", {}),
    ("TutorMaxDatabaseDown", "TutorMaxScheduleMissed", {}),
    ("TutorMaxDatabaseDown", "TutorMaxModelStale", {}),
    ("TutorMaxBrokerDown", "TutorMaxQueueLatencyHigh", {}),
    ("TutorMaxDatabaseDown", "TutorMaxSchedulerFailing", {}),
    ("TutorMaxBrokerDown", "TutorMaxCanaryLate", {}),
    ("TutorMaxBrokerDown", "TutorMaxSchedulerFailing", {}),
    ("TutorMaxBrokerDown", "TutorMaxSLOBurnFast", {"slo": "start-latency"}),
    ("TutorMaxSchedulerDown", "TutorMaxScheduleMissed", {}),
    ("TutorMaxSchedulerDown", "TutorMaxSchedulerStalled", {}),
    ("TutorMaxSchedulerDown", "TutorMaxSchedulerFailing", {}),
    ("TutorMaxExporterAbsent", "TutorMaxTargetDown", {"job": "tutormax-exporter"}),
    ("TutorMaxQueueNoWorkers", "TutorMaxCanaryLate", {"queue_name": "training"}),
    ("TutorMaxWorkersStuck", "TutorMaxQueueLatencyHigh", {"queue_name": "training"}),
    ("TutorMaxSLOBurnFast", "TutorMaxSLOBurnSlow", {"slo": "task-success", "queue_name": "training"}),
]
UNEXPLAINED = [
    ("TutorMaxBrokerDown", "TutorMaxDatabaseDown", {}),
    ("TutorMaxBrokerDown", "TutorMaxSchedulerDown", {}),
    ("TutorMaxBrokerDown", "TutorMaxSLOBurnFast", {"slo": "task-success"}),
    ("TutorMaxDatabaseDown", "TutorMaxSchedulerDown", {}),
    ("TutorMaxExporterAbsent", "TutorMaxTargetDown", {"job": "tutormax-worker"}),
    ("TutorMaxQueueNoWorkers", "TutorMaxCanaryLate", {"queue_name": "evaluation"}),
    ("TutorMaxWorkersStuck", "TutorMaxQueueLatencyHigh", {"queue_name": "evaluation"}),
    ("TutorMaxSLOBurnFast", "TutorMaxSLOBurnSlow", {"slo": "task-success", "queue_name": "evaluation"}),
]
SOURCE_LABELS = {
    "TutorMaxQueueNoWorkers": {"queue_name": "training"},
    "TutorMaxWorkersStuck": {"queue_name": "training"},
    "TutorMaxSLOBurnFast": {"slo": "task-success", "queue_name": "training"},
}


def inhibited(address: str, source: str, target: str, labels: dict[str, str], case: str) -> bool:
    """Let two alerts fire; tell whether the one is held back by the other."""
    firing = [
        {"labels": {"alertname": source, **SOURCE_LABELS.get(source, {}), "case": case}},
        {"labels": {"alertname": target, **labels, "case": case}},
    ]
    asked(address, "POST", "/api/v2/alerts", firing)
    states = {alert["labels"]["alertname"]: alert for alert in _alerts(address, case)}
    # It will not explain the next case as well.
    over = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    asked(address, "POST", "/api/v2/alerts", [alert | {"startsAt": start, "endsAt": over} for alert in firing])
    return bool(states[target]["status"]["inhibitedBy"])


def _alerts(address: str, case: str) -> list[Any]:
    end = time.monotonic() + READY_SECONDS
    while True:
        found: list[Any] = asked(address, "GET", f"/api/v2/alerts?filter=case%3D%22{case}%22")
        if len(found) == 2 or time.monotonic() > end:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize(("source", "target", "labels"), EXPLAINED)
def test_what_another_alert_explains_is_held_back(
    alertmanager: str, source: str, target: str, labels: dict[str, str]
) -> None:
    assert inhibited(alertmanager, source, target, labels, f"explained-{source}-{target}-{len(labels)}")


@pytest.mark.parametrize(("source", "target", "labels"), UNEXPLAINED)
def test_what_it_does_not_explain_is_told(alertmanager: str, source: str, target: str, labels: dict[str, str]) -> None:
    assert not inhibited(alertmanager, source, target, labels, f"unexplained-{source}-{target}-{len(labels)}")
