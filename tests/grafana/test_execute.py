"""What the dashboards ask is asked as Grafana would, and what is empty or refused is told."""

from typing import Any

import promql_parser
import pytest

from grafana.src import promql
from grafana.src.execute import Verdict, execute
from grafana.src.filling import Look, filled, one_of_many
from grafana.src.model import Dashboard, Unit
from grafana.src.panels import query, row, stat, timeseries
from grafana.src.prometheus import RefusedError
from grafana.src.render import dashboard
from grafana.src.variables import QUEUE, WHERE


class Scraped:
    """Answers as a Prometheus that has these series; each at one value."""

    def __init__(self, **series: str) -> None:
        self.series = series
        self.asked: list[str] = []

    def __call__(self, path: str, **parameters: str) -> Any:
        if path.startswith("label/"):
            return ["a.b", "c"] if promql.metrics(parameters["match"]) <= set(self.series) else []
        self.asked.append(parameters["query"])
        try:
            metrics = {selector.metric for selector in promql.selectors(parameters["query"])}
        except ValueError as error:
            raise RefusedError(str(error)) from None
        points = [[0, self.series[name]] for name in metrics if name in self.series]
        return {"result": [{"values": [point]} if "step" in parameters else {"value": point} for point in points]}


def asking(*expressions: str, **look: Any) -> dict[str, Any]:
    """Return a dashboard with one panel for each expression."""
    panels = [stat("First", "What?", Unit.NUMBER, query(expressions[0], "a"), **look)]
    panels += [timeseries("Other", "What?", Unit.NUMBER, query(text, "a"), **look) for text in expressions[1:]]
    return dashboard(Dashboard("tutormax-test", "Test", "Test?", (*WHERE, QUEUE), (row(*panels),)))


def verdicts(ask: Scraped, made: dict[str, Any]) -> list[Verdict]:
    """Return what came of the panels' queries."""
    answers = execute(ask, [made], Look())
    return [answer.verdict for answer in answers if not answer.asked_by.startswith("variable")]


UP = {"up": "1", "tutormax_queue_info": "1"}


def test_what_has_data_is_well() -> None:
    assert verdicts(Scraped(**UP), asking("sum(up{$scope})", "up{$scope}")) == [Verdict.DATA, Verdict.DATA]


def test_a_typo_in_a_metric_is_told() -> None:
    made = asking("sum(upp{$scope})")

    [answer] = [answer for answer in execute(Scraped(**UP), [made], Look()) if answer.verdict is not Verdict.DATA]

    assert str(answer).startswith("empty: Test, First: sum(upp{")


def test_a_syntax_fault_is_told_with_the_words_of_prometheus() -> None:
    answers = execute(Scraped(**UP), [asking("sum(up{$scope}")], Look())

    [first, _] = [answer for answer in answers if answer.verdict is Verdict.FAILED]
    assert "unclosed" in first.error


def test_a_panel_that_says_when_it_is_empty_may_be() -> None:
    assert verdicts(Scraped(**UP), asking("never{$scope}", when_empty="nothing yet")) == [Verdict.SAID]


def test_a_quotient_of_nothing_by_nothing_is_no_data() -> None:
    assert verdicts(Scraped(**UP, quotient="NaN"), asking("quotient{$scope}")) == [Verdict.EMPTY]


def test_a_variable_without_values_is_told() -> None:
    answers = execute(Scraped(up="1"), [asking("up{$scope}")], Look())

    assert [answer.asked_by for answer in answers if answer.verdict is Verdict.EMPTY] == ["variable queue"]


def test_all_values_are_asked_for_first_and_then_one() -> None:
    ask = Scraped(**UP)

    execute(ask, [asking('up{$scope, queue_name=~"$queue"}')], Look())

    assert ask.asked == [
        'up{job=~".+", instance=~".+", queue_name=~".+"}',
        r'up{job=~"a\\.b", instance=~"a\\.b", queue_name=~"a\\.b"}',
    ]


@pytest.mark.parametrize("value", ["127.0.0.1:9400", "a+b", "x|y", "(z)"])
def test_one_chosen_value_matches_itself_alone(value: str) -> None:
    [selector] = promql.selectors(f'up{{instance=~"{one_of_many(value)}"}}')

    assert promql_parser.parse(f'up{{instance=~"{one_of_many(value)}"}}')
    assert selector.matchers["instance"].replace("\\", "") == value


def test_ranges_are_filled_in_and_what_nobody_knows_is_left_to_be_refused() -> None:
    asked = filled("rate(a[$__rate_interval]) + increase(a[$__range]) + a[$unknown]", {}, Look("6h", "2m"))

    assert asked == "rate(a[2m]) + increase(a[6h]) + a[$unknown]"
