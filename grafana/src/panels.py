"""How dashboards are written down: a panel is its title, its question, its unit and its queries."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from grafana.src.model import Color, Kind, Panel, Query, Row, Step, Unit

# Every selector of a scraped metric says which jobs and instances are meant.
SCOPE = 'job=~"$job", instance=~"$instance"'


class Look(TypedDict, total=False):
    """What a panel may say besides."""

    when_empty: str
    steps: tuple[Step, ...]
    stacked: bool
    counts: bool
    exemplars: bool
    minimum: float
    maximum: float
    colors: Mapping[str, Color]


STAT_HEIGHT = 4
PANEL_HEIGHT = 8


def query(expression: str, legend: str, unit: Unit | None = None) -> Query:
    """Return a query; `$scope` stands for the chosen jobs and instances."""
    return Query(" ".join(expression.split()).replace("$scope", SCOPE), legend, unit)


def stat(title: str, question: str, unit: Unit, *queries: Query, **look: Unpack[Look]) -> Panel:
    """Return one number, or one for each series, large."""
    return Panel(Kind.STAT, title, question, unit, queries, **look)


def timeseries(title: str, question: str, unit: Unit, *queries: Query, **look: Unpack[Look]) -> Panel:
    """Return lines over time."""
    return Panel(Kind.TIMESERIES, title, question, unit, queries, **look)


def bargauge(title: str, question: str, unit: Unit, *queries: Query, **look: Unpack[Look]) -> Panel:
    """Return one bar for each series, now."""
    return Panel(Kind.BARGAUGE, title, question, unit, queries, **look)


def heatmap(title: str, question: str, unit: Unit, *queries: Query, **look: Unpack[Look]) -> Panel:
    """Return the buckets of a histogram over time; its query sums by `le`."""
    return Panel(Kind.HEATMAP, title, question, unit, queries, **look)


def state_timeline(
    title: str, question: str, *queries: Query, good: str, bad: str, when_empty: str | None = None
) -> Panel:
    """Return bands over time: green where a query is 1, red where it is 0."""
    words = {"1": (good, Color.GOOD), "0": (bad, Color.BAD)}
    return Panel(Kind.STATE_TIMELINE, title, question, Unit.BOOLEAN, queries, when_empty=when_empty, words=words)


def table(title: str, question: str, unit: Unit, *queries: Query, **look: Unpack[Look]) -> Panel:
    """Return a table: one column for each query, one row for each set of labels."""
    return Panel(Kind.TABLE, title, question, unit, queries, **look)


def row(*panels: Panel, height: int = PANEL_HEIGHT, widths: tuple[int, ...] = ()) -> Row:
    """Return panels side by side."""
    return Row(panels, height, widths)


def rising(*, warning: float | None = None, bad: float) -> tuple[Step, ...]:
    """Return colours for a number that is good while low."""
    middle = () if warning is None else (Step(warning, Color.WARNING),)
    return (Step(None, Color.GOOD), *middle, Step(bad, Color.BAD))


def falling(*, good: float, warning: float | None = None) -> tuple[Step, ...]:
    """Return colours for a number that is good while high."""
    middle = () if warning is None else (Step(warning, Color.WARNING),)
    return (Step(None, Color.BAD), *middle, Step(good, Color.GOOD))
