"""`python -m tests.benchmarks.growth SMALL LARGE`: what a tutor costs in a larger marketplace, beside a smaller one.

Both are kept results of one machine. The exit code is 1 when a stage takes more than `--most` times as long for a tutor
(1.3 unless named), by the clock; CPU stands beside it, and means more where others were at work.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import WIDTH
from tests.benchmarks.sheets import Aspect

GOAL = 1.3
NOTHING_IN_COMMON = 2


def main(arguments: list[str] | None = None) -> int:
    """Print what a tutor costs in both; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__.splitlines()[0])
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--most", type=float, default=GOAL, metavar="TIMES")
    given = parser.parse_args(arguments)
    walls, cpus = (_pairs(given.small, given.large, aspect) for aspect in (Aspect.A_TUTOR, Aspect.CPU_A_TUTOR))
    if not walls:
        sys.stderr.write(f"{given.small} and {given.large} measured no stage in common\n")
        return NOTHING_IN_COMMON
    table = Table(box=None, header_style="bold")
    for column in ("stage", "wall, a tutor", "then", "times", "CPU, a tutor", "then", "times"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, (small, large) in walls.items():
        table.add_row(stage, *_said(small, large), *_said(*cpus[stage]))
    Console(width=WIDTH).print(table)
    grown = [stage for stage, (small, large) in walls.items() if large / small > given.most]
    for stage in grown:
        sys.stderr.write(f"a tutor takes more than {given.most:g} times as long: {stage}\n")
    return 1 if grown else 0


def _pairs(small: Path, large: Path, aspect: Aspect) -> Mapping[str, tuple[float, float]]:
    before, after = _values(small, aspect), _values(large, aspect)
    return {stage: (before[stage], after[stage]) for stage in before if stage in after}


def _values(file: Path, aspect: Aspect) -> Mapping[str, float]:
    figures: list[dict[str, Any]] = orjson.loads(file.read_bytes())["figures"]
    return {figure["stage"]: figure["value"] for figure in figures if figure.get("aspect") == aspect}


def _said(small: float, large: float) -> tuple[str, str, str]:
    return f"{small:.3g} ms", f"{large:.3g} ms", f"{large / small:.2f}"


if __name__ == "__main__":
    sys.exit(main())
