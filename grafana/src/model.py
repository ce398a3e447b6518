"""What a dashboard is made of, as values; `render` turns them into Grafana's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The panels we use, by Grafana's names of them."""

    STAT = "stat"
    TIMESERIES = "timeseries"
    BARGAUGE = "bargauge"
    HEATMAP = "heatmap"
    STATE_TIMELINE = "state-timeline"
    TABLE = "table"


class Unit(StrEnum):
    """The units we use, by Grafana's ids of them."""

    NUMBER = "short"
    RATIO = "percentunit"
    SECONDS = "s"
    DURATION = "dtdurations"
    AGO = "dateTimeFromNow"
    BYTES = "bytes"
    OPERATIONS = "ops"
    BOOLEAN = "bool_on_off"


class Color(StrEnum):
    """What a value means: in Grafana's own colours, readable on dark and on light."""

    BEST = "dark-green"
    GOOD = "green"
    CAUTION = "yellow"
    WARNING = "orange"
    BAD = "red"
    NEUTRAL = "blue"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and what its series are called; in a table, what its column is called."""

    expression: str
    legend: str
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, a number means this."""

    value: float | None
    color: Color


@dataclass(frozen=True, slots=True)
class Panel:
    """One question and its answer."""

    kind: Kind
    title: str
    question: str
    unit: Unit
    queries: tuple[Query, ...]
    # Said in the panel's place while there is nothing to show; a panel without it always has data in a healthy system.
    when_empty: str | None = None
    steps: tuple[Step, ...] = ()
    stacked: bool = False
    # Counts of what rarely happens: bars, in whole numbers.
    counts: bool = False
    exemplars: bool = False
    minimum: float | None = None
    maximum: float | None = None
    # The colour of a series by its name, where it means something.
    colors: Mapping[str, Color] = field(default_factory=dict)
    # The words for values, and their colours.
    words: Mapping[str, tuple[str, Color]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, as wide as each other unless their widths are given; Grafana's grid has 24 columns."""

    panels: tuple[Panel, ...]
    height: int
    widths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that whoever looks can choose: one or several values of a label, or all."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of panels."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    since: str = "now-6h"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)
