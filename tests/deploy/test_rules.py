"""Every alert is documented, tested and leads somewhere; no rule asks for what nobody exports."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from grafana.src import known, promql
from grafana.src.dashboards import ALL
from tutormax.broker import Queue

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
SCALERS = ROOT / "deploy" / "kubernetes" / "autoscaling" / "scaledobjects.yml"
DASHBOARDS = {dashboard.uid: dashboard for dashboard in ALL}
ALERTS = known.alerts()

every_alert = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])


@cache
def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def cases() -> Iterator[tuple[str, str | None, bool]]:
    """Yield the alert of each promtool case, its objective if it has one, and whether it fires there."""
    for path in sorted((PROMETHEUS / "tests").glob("*.yml")):
        for group in loaded(path)["tests"]:
            objective = group["name"].partition(":")[0]
            for case in group.get("alert_rule_test", ()):
                slo = objective if "SLO" in case["alertname"] else None
                yield case["alertname"], slo, bool(case["exp_alerts"])


@every_alert
def test_an_alert_says_what_how_bad_and_where_to_go_on(rule: Any) -> None:
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert (ROOT / rule["annotations"]["runbook_url"]).is_file()
    assert rule["annotations"]["runbook_url"] == f"deploy/runbooks/{rule['alert']}.md"


@every_alert
def test_an_alert_leads_to_a_dashboard_with_its_values_chosen(rule: Any) -> None:
    url = urlsplit(re.sub(r"\{\{.*?\}\}", "x", rule["annotations"]["dashboard_url"]))
    dashboard = DASHBOARDS[url.path.removeprefix("/d/")]

    assert {name.removeprefix("var-") for name in parse_qs(url.query)} <= {each.name for each in dashboard.variables}


@every_alert
def test_an_alert_has_a_case_that_fires_and_one_that_stays_quiet(rule: Any) -> None:
    mine = [fires for name, slo, fires in cases() if (name, slo) == (rule["alert"], rule["labels"].get("slo"))]

    assert True in mine
    # What always fires can stay quiet nowhere.
    assert False in mine or rule["expr"] == "vector(1)"


def test_no_case_is_for_an_alert_that_is_gone() -> None:
    assert {name for name, _, _ in cases()} <= {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", known.rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_metrics_and_labels_that_are_exported(rule: Any) -> None:
    assert known.unknown(rule["expr"]) == []


def test_labels_in_texts_are_labels_that_the_alert_has() -> None:
    for rule in ALERTS:
        text = " ".join(rule["annotations"].values())
        recorded = [known.series()[name] for name in promql.metrics(rule["expr"]) if ":" in name]
        has = promql.labels(rule["expr"]).union(rule["labels"], *recorded)
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= has, rule["alert"]


def test_every_recorded_series_is_used_by_an_alert_a_panel_or_the_autoscaler() -> None:
    asked = [rule["expr"] for rule in known.rules()]
    asked += [query.expression for dashboard in ALL for panel in dashboard.panels for query in panel.queries]
    used = set[str]().union(*(promql.metrics(expression) for expression in asked))
    scaler = SCALERS.read_text()

    assert {rule["record"] for rule in known.recorded()} - used - set(re.findall(r"[\w:]+", scaler)) == set()


def test_a_process_that_exports_too_much_is_refused_after_it_was_told_of() -> None:
    jobs = {job["job_name"]: job for job in loaded(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    limits = {jobs[f"tutormax-{kind}"]["sample_limit"] for kind in ("worker", "scheduler", "exporter")}
    [warning] = [rule for rule in ALERTS if rule["alert"] == "TutorMaxMetricsSeriesLimit"]

    assert limits == {5000}
    assert "> 4000" in warning["expr"]


def test_what_explains_and_what_is_explained_are_alerts_that_exist() -> None:
    names = {rule["alert"] for rule in ALERTS}
    for rule in loaded(ROOT / "deploy" / "alertmanager" / "alertmanager.yml")["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, pattern = re.fullmatch(r'(\w+)=~?"(.*)"', matcher).groups()  # type: ignore[union-attr]
            if label == "alertname":
                for alternative in re.split(r"\|(?![^(]*\))", pattern):
                    assert any(re.fullmatch(alternative, name) for name in names), alternative


def test_no_route_keeps_silent_by_the_hour() -> None:
    def routes(route: Any) -> Iterator[Any]:
        yield route
        for inner in route.get("routes", ()):
            yield from routes(inner)

    # What is over before the silence is would never be told of.
    for route in routes(loaded(ROOT / "deploy" / "alertmanager" / "alertmanager.yml")["route"]):
        assert not {"active_time_intervals", "mute_time_intervals"} & set(route), route


def test_every_queue_scales_by_what_its_own_query_wants() -> None:
    documents = list(yaml.safe_load_all(SCALERS.read_text()))
    triggers = {document["metadata"]["name"]: document["spec"]["triggers"][0] for document in documents}

    assert set(triggers) == {f"tutormax-worker-{queue.replace('_', '-')}" for queue in Queue}
    for queue in Queue:
        trigger = triggers[f"tutormax-worker-{queue.replace('_', '-')}"]
        assert trigger["metadata"]["query"] == f'max(queue:dramatiq_workers_wanted:ceil{{queue_name="{queue}"}})'
        assert known.unknown(trigger["metadata"]["query"]) == []
        # Otherwise a Prometheus that is away would look like an empty queue.
        assert trigger["metadata"]["ignoreNullValues"] == "false"
