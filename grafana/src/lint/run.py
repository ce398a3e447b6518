"""The linter: every rule on every dashboard, less what was granted."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from grafana.src.lint import dashboard_rules, panel_rules
from grafana.src.lint.findings import Finding, Json, exclusions, granted

LINT_FILE = Path(__file__).parents[2] / ".lint"


def lint(dashboards: Mapping[str, Json], lint_file: Path = LINT_FILE) -> list[Finding]:
    """Return what is wrong with dashboards by their file names, exclusions considered."""
    found = [finding for name, dashboard in dashboards.items() for finding in _findings(name, dashboard)]
    return granted(found, exclusions(lint_file))


def _findings(name: str, dashboard: Json) -> Iterator[Finding]:
    title = dashboard["title"]
    if name != f"{dashboard['uid']}.json":
        yield Finding("uid-rule", title, None, f"its uid {dashboard['uid']!r} is not its file's name {name!r}")
    for rule, check in dashboard_rules.RULES.items():
        yield from (Finding(rule, title, None, what) for what in check(dashboard))
    for panel in dashboard["panels"]:
        for rule, check in panel_rules.RULES.items():
            yield from (Finding(rule, title, panel["title"], what) for what in check(panel))
        for number, target in enumerate(panel["targets"]):
            yield from (
                Finding(rule, title, panel["title"], what, number) for rule, what in _of_expression(target["expr"])
            )


def _of_expression(expression: str) -> Iterator[tuple[str, str]]:
    broken = [(rule, what) for rule, check in panel_rules.SYNTAX.items() for what in check(expression)]
    if broken:
        yield from broken
        return
    for rule, check in panel_rules.TARGET_RULES.items():
        yield from ((rule, what) for what in check(expression))
