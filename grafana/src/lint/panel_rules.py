"""Rules for one panel, and for the expressions it shows."""

from collections.abc import Callable, Iterator, Mapping

from grafana.src import known, promql
from grafana.src.lint.findings import Json
from grafana.src.model import Unit

Rule = Callable[[Json], Iterator[str]]
TargetRule = Callable[[str], Iterator[str]]

FROM_ZERO_TO_ONE = (0, 1)


def chosen_datasource(panel: Json) -> Iterator[str]:
    """Ask for the data source that was chosen."""
    for part in (panel, *panel["targets"]):
        if part["datasource"]["uid"] != "${datasource}":
            yield f"asks {part['datasource']['uid']}"


def titled(panel: Json) -> Iterator[str]:
    """Ask for a title, and for the question that the panel answers."""
    if not panel["title"] or "?" not in panel["description"]:
        yield "has no title, or its description asks nothing"


def with_unit(panel: Json) -> Iterator[str]:
    """Ask for a unit that Grafana knows."""
    defaults = panel["fieldConfig"]["defaults"]
    units = [defaults.get("unit")] + [
        change["value"]
        for override in panel["fieldConfig"]["overrides"]
        for change in override["properties"]
        if change["id"] == "unit"
    ]
    for unit in units:
        if unit not in set(Unit):
            yield f"unit {unit!r}"


def with_targets(panel: Json) -> Iterator[str]:
    """Ask for something to show."""
    if not panel["targets"]:
        yield "asks for nothing"


def no_pie(panel: Json) -> Iterator[str]:
    """Ask for bars or lines: nobody compares angles."""
    if panel["type"] == "piechart":
        yield "is a pie chart"


def whole_ratio(panel: Json) -> Iterator[str]:
    """Ask that a share is drawn from 0 to 1, so that 0.1 % does not look like a cliff."""
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["unit"] == Unit.RATIO and (defaults.get("min"), defaults.get("max")) != FROM_ZERO_TO_ONE:
        yield "is a share and not drawn from 0 to 1"


def is_promql(expression: str) -> Iterator[str]:
    """Ask for something that can be parsed."""
    try:
        promql.parsed(expression)
    except ValueError as error:
        yield f"{expression}: {error}"


def rate_over_rate_interval(expression: str) -> Iterator[str]:
    """Ask that rates fit the scrape interval and the zoom; an increase may also be over the range or a fixed time."""
    for selector in promql.selectors(expression):
        if selector.function in ("rate", "irate") and selector.range != "$__rate_interval":
            yield f"{selector.function}({selector.metric}) over {selector.range}"


def _matches(label: str) -> TargetRule:
    def rule(expression: str) -> Iterator[str]:
        for selector in promql.selectors(expression):
            if selector.matchers.get(label) != f"${label}":
                yield f"{selector.metric} without {label}"

    return rule


def counters_as_rates(expression: str) -> Iterator[str]:
    """Ask that no counter is shown as it stands."""
    for selector in promql.selectors(expression):
        if selector.metric.endswith("_total") and selector.function not in ("rate", "irate", "increase"):
            yield f"{selector.metric} as it stands"


def known_names(expression: str) -> Iterator[str]:
    """Ask that somebody exports every metric, with the labels that are named."""
    for name in known.unknown(expression):
        yield f"nobody exports {name}"


RULES: Mapping[str, Rule] = {
    "panel-datasource-rule": chosen_datasource,
    "panel-title-description-rule": titled,
    "panel-units-rule": with_unit,
    "panel-no-targets-rule": with_targets,
    "pie-rule": no_pie,
    "ratio-rule": whole_ratio,
}
SYNTAX: Mapping[str, TargetRule] = {"target-promql-rule": is_promql}
TARGET_RULES: Mapping[str, TargetRule] = {
    "target-rate-interval-rule": rate_over_rate_interval,
    "target-job-rule": _matches("job"),
    "target-instance-rule": _matches("instance"),
    "target-counter-agg-rule": counters_as_rates,
    "known-metric-rule": known_names,
}
