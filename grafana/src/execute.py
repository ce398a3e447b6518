"""`python -m grafana.src.execute URL`: asks a Prometheus everything that the dashboards ask, as Grafana would."""

import math
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from grafana.src.__main__ import DASHBOARDS
from grafana.src.filling import RATE_INTERVAL, SINCE, Look, filled, one_of_many
from grafana.src.prometheus import Asks, Prometheus, RefusedError

Json = dict[str, Any]


class Verdict(StrEnum):
    """What came of a query."""

    DATA = "data"
    SAID = "empty, as the panel says"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """One query of a panel or a variable, and what came of it."""

    dashboard: str
    asked_by: str
    expression: str
    verdict: Verdict
    error: str = ""

    def __str__(self) -> str:
        """Return the answer as a line."""
        return f"{self.verdict}: {self.dashboard}, {self.asked_by}: {self.expression} {self.error}".rstrip()


def execute(ask: Asks, dashboards: Sequence[Json], look: Look) -> list[Answer]:
    """Ask every query of every variable and panel."""
    return [answer for dashboard in dashboards for answer in _dashboard(ask, dashboard, look)]


def _dashboard(ask: Asks, dashboard: Json, look: Look) -> Iterator[Answer]:
    every: dict[str, str] = {}
    first: dict[str, str] = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            answer, values = _variable(ask, dashboard["title"], variable, every, look)
            yield answer
            every[variable["name"]] = variable["allValue"]
            first[variable["name"]] = one_of_many(values[0]) if values else variable["allValue"]
    for question in _questions(dashboard, every, look):
        yield _asked(ask, question, look)
    for question in _questions(dashboard, first, look):
        answer = _asked(ask, question, look)
        # One value of each variable may well have nothing to show; it must not be refused.
        if answer.verdict is Verdict.FAILED:
            yield answer


def _variable(
    ask: Asks, dashboard: str, variable: Json, chosen: Mapping[str, str], look: Look
) -> tuple[Answer, list[str]]:
    query = filled(variable["query"], chosen, look)
    selector, _, label = query.removeprefix("label_values(").removesuffix(")").rpartition(",")
    try:
        found: list[str] = ask(f"label/{label.strip()}/values", match=selector, **_span(look))
    except RefusedError as error:
        return Answer(dashboard, f"variable {variable['name']}", query, Verdict.FAILED, str(error)), []
    verdict = Verdict.DATA if found else Verdict.EMPTY
    return Answer(dashboard, f"variable {variable['name']}", query, verdict), found


@dataclass(frozen=True, slots=True)
class _Question:
    dashboard: str
    panel: str
    expression: str
    instant: bool
    says_when_empty: bool


def _questions(dashboard: Json, chosen: Mapping[str, str], look: Look) -> Iterator[_Question]:
    for panel in dashboard["panels"]:
        says = "noValue" in panel["fieldConfig"]["defaults"]
        for target in panel["targets"]:
            query = filled(target["expr"], chosen, look)
            yield _Question(dashboard["title"], panel["title"], query, target["instant"], says)


def _asked(ask: Asks, question: _Question, look: Look) -> Answer:
    named = (question.dashboard, question.panel, question.expression)
    try:
        if question.instant:
            result = ask("query", query=question.expression)["result"]
        else:
            result = ask("query_range", query=question.expression, step=str(look.step), **_span(look))["result"]
    except RefusedError as error:
        return Answer(*named, Verdict.FAILED, str(error))
    if any(map(_shows, result)):
        return Answer(*named, Verdict.DATA)
    return Answer(*named, Verdict.SAID if question.says_when_empty else Verdict.EMPTY)


def _shows(series: Json) -> bool:
    points = series["values"] if "values" in series else [series["value"]]
    # A quotient of nothing by nothing is drawn as nothing.
    return any(not math.isnan(float(value)) for _, value in points)


def _span(look: Look) -> dict[str, str]:
    now = time.time()
    return {"start": str(now - look.seconds), "end": str(now)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, tell what is empty or refused, and exit with 1 if anything is that should not be."""
    parser = ArgumentParser(prog="python -m grafana.src.execute", description="Ask all that the dashboards ask.")
    parser.add_argument("url", help="where Prometheus is, like http://127.0.0.1:9090")
    parser.add_argument("--since", default=SINCE, help="the time that is shown (15m)")
    parser.add_argument("--rate-interval", default=RATE_INTERVAL, help="four scrape intervals (1m)")
    options = parser.parse_args(arguments)
    dashboards = [orjson.loads(path.read_bytes()) for path in sorted(DASHBOARDS.glob("*.json"))]
    answers = execute(Prometheus(options.url), dashboards, Look(options.since, options.rate_interval))
    for answer in answers:
        if answer.verdict is not Verdict.DATA:
            sys.stdout.write(f"{answer}\n")
    counts = Counter(answer.verdict for answer in answers)
    sys.stdout.write(f"{len(answers)} queries: {', '.join(f'{counts[verdict]} {verdict}' for verdict in Verdict)}\n")
    return 1 if counts[Verdict.EMPTY] or counts[Verdict.FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
