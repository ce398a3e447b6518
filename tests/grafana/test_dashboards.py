"""The dashboards that are loaded are those that the program writes."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from grafana.src.__main__ import DASHBOARDS, ROOT, files, stale
from grafana.src.dashboards import ALL
from grafana.src.lint import lint
from grafana.src.objectives import OBJECTIVES

PROVISIONING = ROOT / "grafana" / "provisioning"


def committed() -> dict[str, dict[str, Any]]:
    return {path.name: orjson.loads(path.read_bytes()) for path in DASHBOARDS.glob("*.json")}


def test_every_file_says_what_it_would_if_it_were_written_now() -> None:
    assert stale() == []


def test_a_file_changed_by_hand_or_left_over_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = {tmp_path / path.name: text for path, text in files().items()}
    for path, text in made.items():
        path.write_text(text)
    changed, left_over = next(iter(made)), tmp_path / "tutormax-forgotten.json"
    changed.write_text("{}")
    left_over.write_text("{}")
    monkeypatch.setattr("grafana.src.__main__.files", lambda: made)
    monkeypatch.setattr("grafana.src.__main__.DASHBOARDS", tmp_path)

    assert set(stale()) == {changed, left_over}


def test_there_are_ten_and_no_two_share_a_name() -> None:
    assert len(ALL) == 10
    assert len({dashboard.uid for dashboard in ALL}) == 10


def test_the_linter_has_nothing_to_say() -> None:
    assert lint(committed()) == []


def test_every_objective_has_its_place_on_the_dashboard_of_objectives_by_its_recorded_name() -> None:
    [dashboard] = [made for made in ALL if made.uid == "tutormax-slo"]
    asked = {query.expression for panel in dashboard.panels for query in panel.queries}

    assert 'slo:objective:ratio{slo=~"$slo"}' in asked
    assert {objective.name for objective in OBJECTIVES} == {"task-success", "start-latency", "insight-freshness"}


def test_dashboards_ask_the_data_source_that_is_provisioned() -> None:
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    kinds = {
        variable["query"]
        for dashboard in committed().values()
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "datasource"
    }

    assert kinds == {source["type"]}


def test_rates_are_taken_over_scrape_intervals_that_are_the_scrape_interval() -> None:
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    prometheus = yaml.safe_load(Path(ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())

    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]


def test_nobody_changes_a_provisioned_dashboard_by_hand() -> None:
    [provider] = yaml.safe_load((PROVISIONING / "dashboards" / "tutormax.yml").read_text())["providers"]

    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
