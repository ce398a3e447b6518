"""What Grafana makes of an expression before it sends it: the chosen values and times in place of their names."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import promql_parser

POINTS = 60
SINCE = "15m"
# Four scrapes of 15 seconds.
RATE_INTERVAL = "1m"


@dataclass(frozen=True, slots=True)
class Look:
    """The time that a dashboard shows, and over how long rates are taken; as PromQL writes durations."""

    since: str = SINCE
    rate_interval: str = RATE_INTERVAL

    @property
    def seconds(self) -> float:
        """How long ago the time begins."""
        return promql_parser.parse_duration(self.since).total_seconds()

    @property
    def step(self) -> int:
        """The seconds from one point to the next."""
        return max(1, math.ceil(self.seconds / POINTS))


def filled(expression: str, variables: Mapping[str, str], look: Look) -> str:
    """Return an expression as it is sent; a name that nothing stands for is left, and Prometheus will refuse it."""
    times = {"__rate_interval": look.rate_interval, "__range": look.since, "__interval": f"{look.step}s"}
    known = times | dict(variables)
    return re.sub(r"\$(\w+)", lambda name: known.get(name[1], name[0]), expression)


def one_of_many(value: str) -> str:
    """Return one chosen value as it stands in a regular expression inside a string."""
    return re.sub(r"[$^*{}\[\]'+?.()|\\]", lambda special: "\\\\" + special[0], value)
