"""What the linter says, and the exceptions that were granted, each with its reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken, and where."""

    rule: str
    dashboard: str
    panel: str | None
    what: str
    target: int | None = None

    def __str__(self) -> str:
        """Return the finding as a line."""
        return f"{self.dashboard}{f', {self.panel}' if self.panel else ''}: {self.what} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One panel, or one of its queries, that need not keep one rule, and why."""

    rule: str
    dashboard: str
    panel: str | None
    target: int | None
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is what was granted."""
        return (self.rule, self.dashboard, self.panel, self.target) == (
            finding.rule,
            finding.dashboard,
            finding.panel,
            finding.target,
        )


def exclusions(path: Path) -> list[Exclusion]:
    """Read a `.lint` file in the form of Grafana's linter; whole dashboards and rules cannot be excluded."""
    return [
        Exclusion(rule, entry["dashboard"], entry["panel"], entry.get("targetIdx"), granted["reason"])
        for rule, granted in yaml.safe_load(path.read_text())["exclusions"].items()
        for entry in granted["entries"]
    ]


def granted(findings: Iterable[Finding], granted_by: Iterable[Exclusion]) -> list[Finding]:
    """Return what remains after the exclusions; one that covers nothing is a finding of its own."""
    found, allowed = list(findings), list(granted_by)
    remaining = [finding for finding in found if not any(exclusion.covers(finding) for exclusion in allowed)]
    idle = [
        Finding("stale-exclusion", exclusion.dashboard, exclusion.panel, f"nothing breaks {exclusion.rule}")
        for exclusion in allowed
        if not any(exclusion.covers(finding) for finding in found)
    ]
    return remaining + idle
