"""From objectives to Prometheus' rules: the share of bad events over seven windows, and when to wake somebody.

The method is the multi-window burn rate of Google's SRE workbook. Only the five-minute rates read the counters; the
longer windows add those up, weighted by traffic, so that three days cost no more than one series.
"""

from dataclasses import dataclass
from textwrap import indent

from grafana.src.objectives import OBJECTIVES, Objective

SHORTEST = "5m"
LONGER = ("30m", "1h", "2h", "6h", "1d", "3d")
# The method is not for little traffic: one bad event of two is no reason to wake anybody, nor for a ticket.
FEWEST_EVENTS = 20
SECONDS_BETWEEN = 30

HEADER = """\
# Written by `python -m grafana.src` from grafana/src/objectives.py; do not edit.
groups:
"""


@dataclass(frozen=True, slots=True)
class Burn:
    """How many times too fast, over which long window, and still so over which short one."""

    factor: float
    long: str
    short: str


@dataclass(frozen=True, slots=True)
class Alert:
    """When one objective is told of, and how loudly."""

    name: str
    severity: str
    wait: str
    burns: tuple[Burn, Burn]
    enough: str
    urgency: str


ALERTS = (
    Alert(
        name="TutorMaxSLOBurnFast",
        severity="critical",
        wait="2m",
        burns=(Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m")),
        enough="slo:events:increase1h",
        urgency="At this pace the budget of 28 days is gone within days.",
    ),
    Alert(
        name="TutorMaxSLOBurnSlow",
        severity="warning",
        wait="15m",
        burns=(Burn(3, "1d", "2h"), Burn(1, "3d", "6h")),
        enough="slo:events:increase1d",
        urgency="At this pace the budget does not last its 28 days.",
    ),
)


def text() -> str:
    """Return the rule file."""
    return HEADER + "\n".join(_group(objective) for objective in OBJECTIVES)


def _group(objective: Objective) -> str:
    rules = [
        _record("slo:objective:ratio", f"vector({objective.ratio:g})", objective),
        _record("slo:bad_events:rate5m", objective.bad.replace("WINDOW", SHORTEST), objective),
        _record("slo:events:rate5m", objective.events.replace("WINDOW", SHORTEST), objective),
        _record("slo:events:increase1h", f"3600 * {objective.events.replace('WINDOW', '1h')}", objective),
        _record("slo:events:increase1d", _events_in_a_day(objective), objective),
        _record("slo:sli_error:ratio_rate5m", _share(objective), objective),
        *(_record(f"slo:sli_error:ratio_rate{window}", _share(objective, window), objective) for window in LONGER),
        *(_alert(alert, objective) for alert in ALERTS),
    ]
    return f"  - name: tutormax-slo-{objective.name}\n    interval: {SECONDS_BETWEEN}s\n    rules:\n" + indent(
        "".join(rules), " " * 6
    )


def _events_in_a_day(objective: Objective) -> str:
    # Not by an average: of a queue that is an hour old only that hour counts.
    return f'{SECONDS_BETWEEN} * sum_over_time(slo:events:rate5m{{slo="{objective.name}"}}[1d])'


def _share(objective: Objective, window: str | None = None) -> str:
    bad, events = (f'slo:{what}:rate5m{{slo="{objective.name}"}}' for what in ("bad_events", "events"))
    if window is not None:
        bad, events = (f"sum_over_time({series}[{window}])" for series in (bad, events))
    return f"{bad} / ({events} > 0)"


def _record(name: str, expression: str, objective: Objective) -> str:
    return f"- record: {name}\n  expr: {expression}\n  labels: {{slo: {objective.name}}}\n"


def _alert(alert: Alert, objective: Objective) -> str:
    burning = " or\n".join(_burning(burn, objective) for burn in alert.burns)
    floor = f'{alert.enough}{{slo="{objective.name}"}} >= {FEWEST_EVENTS}'
    expression = indent(f"(\n{indent(burning, '  ')}\n) and {floor}", " " * 4)
    return f"""\
- alert: {alert.name}
  expr: |
{expression}
  for: {alert.wait}
  labels: {{severity: {alert.severity}, slo: {objective.name}}}
  annotations:
    summary: >-
      {{{{ $value | humanizePercentage }}}} of events were bad{{{{ with $labels.queue_name }}}} on queue
      {{{{ . }}}}{{{{ end }}}}, {objective.name} allows {1 - objective.ratio:.1%}.
    description: {objective.promise} {alert.urgency}
    runbook_url: deploy/runbooks/{alert.name}.md
    dashboard_url: /d/tutormax-slo?var-slo={objective.name}
"""


def _burning(burn: Burn, objective: Objective) -> str:
    limit = f"{burn.factor:g} * (1 - {objective.ratio:g})"
    long, short = (
        f'slo:sli_error:ratio_rate{window}{{slo="{objective.name}"}} > {limit}' for window in (burn.long, burn.short)
    )
    return f"({long} and {short})"
