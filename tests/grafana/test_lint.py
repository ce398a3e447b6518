"""Every rule of the linter finds what breaks it, and nothing else is excused."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from grafana.src.dashboards import queues
from grafana.src.lint import lint
from grafana.src.lint.run import LINT_FILE
from grafana.src.render import dashboard

Json = dict[str, Any]
Fault = Callable[[Json], None]


def expression(text: str) -> Fault:
    """Let the first panel ask something else."""

    def plant(made: Json) -> None:
        made["panels"][0]["targets"][0]["expr"] = text

    return plant


def field(value: Any, *path: Any) -> Fault:
    """Put a value somewhere."""

    def plant(made: Json) -> None:
        *way, last = path
        for step in way:
            made = made[step]
        made[last] = value

    return plant


SCOPE = 'job=~"$job", instance=~"$instance"'
FIRST = ("panels", 0)
JOB = ("templating", "list", 1)
FAULTS: list[tuple[str, Fault]] = [
    ("template-datasource-rule", field("ds", "templating", "list", 0, "name")),
    ("template-job-rule", field("Jobs", *JOB, "label")),
    ("template-job-rule", field(False, *JOB, "multi")),
    ("template-job-rule", field(".*", *JOB, "allValue")),
    ("template-job-rule", field("prometheus", *JOB, "datasource", "uid")),
    ("template-job-rule", field("task", *JOB, "name")),
    ("template-instance-rule", field("Host", "templating", "list", 2, "label")),
    ("template-label-promql-rule", field("label_values(up{job=, job)", *JOB, "query")),
    ("template-label-promql-rule", field("up", *JOB, "query")),
    ("template-on-time-change-reload-rule", field(1, *JOB, "refresh")),
    ("uneditable-dashboard", field(True, "editable")),
    ("uid-rule", field("tutormax-" + "q" * 40, "uid")),
    ("uid-rule", field("tutormax-other", "uid")),
    ("grid-rule", field(20, *FIRST, "gridPos", "w")),
    ("grid-rule", field(30, *FIRST, "gridPos", "w")),
    ("link-rule", field(False, "links", 0, "keepTime")),
    ("link-rule", field([], "links")),
    ("panel-datasource-rule", field("prometheus", *FIRST, "datasource", "uid")),
    ("panel-datasource-rule", field("prometheus", *FIRST, "targets", 0, "datasource", "uid")),
    ("panel-title-description-rule", field("", *FIRST, "title")),
    ("panel-title-description-rule", field("Jobs.", *FIRST, "description")),
    ("panel-units-rule", field("jobs", *FIRST, "fieldConfig", "defaults", "unit")),
    ("panel-no-targets-rule", field([], *FIRST, "targets")),
    ("pie-rule", field("piechart", *FIRST, "type")),
    ("ratio-rule", field("percentunit", *FIRST, "fieldConfig", "defaults", "unit")),
    ("target-promql-rule", expression("sum(up")),
    ("target-rate-interval-rule", expression(f"rate(dramatiq_messages_total{{{SCOPE}}}[5m])")),
    ("target-job-rule", expression('up{instance=~"$instance"}')),
    ("target-instance-rule", expression('up{job=~"$job"}')),
    ("target-counter-agg-rule", expression(f"dramatiq_messages_total{{{SCOPE}}}")),
    ("known-metric-rule", expression(f"dramatiq_queue_mesages{{{SCOPE}}}")),
    ("known-metric-rule", expression(f'dramatiq_queue_messages{{{SCOPE}, que_name="default"}}')),
    ("known-metric-rule", expression(f"tutormax_interventions{{{SCOPE}}}")),
]


def found(made: Json, lint_file: Path = LINT_FILE) -> set[str]:
    """Return the rules that a dashboard breaks; exclusions for other dashboards are idle here."""
    findings = lint({"tutormax-queues.json": made}, lint_file)
    return {finding.rule for finding in findings if finding.dashboard == made["title"]}


@pytest.fixture
def made() -> Json:
    return deepcopy(dashboard(queues.DASHBOARD))


def test_the_dashboard_into_which_faults_are_planted_has_none(made: Json) -> None:
    assert found(made) == set()


@pytest.mark.parametrize(("rule", "plant"), FAULTS)
def test_a_planted_fault_is_found_under_its_name(made: Json, rule: str, plant: Fault) -> None:
    plant(made)

    assert rule in found(made)


def test_too_many_panels_are_found(made: Json) -> None:
    made["panels"] += made["panels"]

    assert "panel-count-rule" in found(made)


def test_a_range_that_fits_an_increase_is_no_fault(made: Json) -> None:
    expression(f"increase(dramatiq_messages_total{{{SCOPE}}}[1d])")(made)

    assert found(made) == set()


def test_an_exclusion_covers_one_query_of_one_panel(made: Json) -> None:
    [drain] = [panel for panel in made["panels"] if panel["title"] == "Time to drain"]
    drain["targets"].append({**drain["targets"][0], "refId": "B"})

    assert found(made) == {"target-job-rule", "target-instance-rule"}


def test_an_exclusion_that_nothing_needs_is_reported(made: Json, tmp_path: Path) -> None:
    lint_file = tmp_path / ".lint"
    lint_file.write_text(
        LINT_FILE.read_text()
        + f"  pie-rule:\n    reason: none\n    entries:\n      - {{dashboard: {made['title']}, panel: Jobs by state}}\n"
    )

    assert found(made, lint_file) == {"stale-exclusion"}
