"""What an expression asks for: its selectors, what is done with them over which range, and the labels it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Call, Expr, MatrixSelector, VectorSelector

# Ranges that Grafana chooses, written as odd ones that nobody would write, to be told apart once parsed.
CHOSEN_BY_GRAFANA = {"$__rate_interval": "1m1s", "$__interval": "16s", "$__range": "6h1s"}


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric that is asked for; with function and range where it is asked for over a while."""

    metric: str
    matchers: Mapping[str, str]
    function: str | None = None
    range: str | None = None


def parsed(expression: str) -> Expr:
    """Return the expression's tree; raise ValueError where it is no PromQL."""
    for variable, text in CHOSEN_BY_GRAFANA.items():
        expression = expression.replace(variable, text)
    tree: Expr = promql_parser.parse(expression)
    return tree


def selectors(expression: str) -> list[Selector]:
    """Return every selector, in the order in which it is written."""
    found: list[Selector] = []
    above: list[Expr] = []

    def enter(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.append(_selector(node, above))
        above.append(node)

    def leave(_: Expr) -> None:
        above.pop()

    promql_parser.walk(parsed(expression), enter, leave)
    return found


def labels(expression: str) -> set[str]:
    """Return every label that is matched, summed by, joined on or carried over."""
    found: set[str] = set()

    def enter(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.update(matcher.name for matcher in node.matchers.matchers)
        elif isinstance(node, AggregateExpr) and node.modifier is not None:
            found.update(node.modifier.labels)
        elif isinstance(node, BinaryExpr) and node.modifier is not None:
            matching = node.modifier.matching
            found.update(matching.labels if matching else (), node.modifier.group_labels or ())

    promql_parser.walk(parsed(expression), enter)
    return found


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics that are asked for."""
    return {selector.metric for selector in selectors(expression)}


def _selector(node: VectorSelector, above: list[Expr]) -> Selector:
    matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
    name = node.name or matchers.pop("__name__", "")
    if not (above and isinstance(above[-1], MatrixSelector)):
        return Selector(name, matchers)
    call = above[-2] if len(above) > 1 else None
    return Selector(name, matchers, call.func.name if isinstance(call, Call) else None, _range_text(above[-1].range))


def _range_text(length: timedelta) -> str:
    for variable, text in CHOSEN_BY_GRAFANA.items():
        if length == promql_parser.parse_duration(text):
            return variable
    return promql_parser.display_duration(length)
