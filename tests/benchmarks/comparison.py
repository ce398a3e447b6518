"""`python -m tests.benchmarks.comparison KEPT NEW [--most 2]`: what has become of each figure since a kept result.

Only ratios (unit x) mean the same on every machine, so only they can fail: the exit code is 1 when one of them is more
than `--most` times worse than it was. Results that measured nothing in common are refused with exit code 2, and what
only the kept one measured is named.
"""

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import WIDTH

RATIO = "x"
NOTHING_IN_COMMON = 2


def main(arguments: list[str] | None = None) -> int:
    """Print both results side by side; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.comparison", description=__doc__.splitlines()[0])
    parser.add_argument("kept", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--most", type=float, default=float("inf"), metavar="TIMES")
    given = parser.parse_args(arguments)
    kept, new = read(given.kept), read(given.new)
    if not kept.keys() & new.keys():
        sys.stderr.write(f"{given.kept} measured nothing that {given.new} did: another size, or an older suite\n")
        return NOTHING_IN_COMMON
    table = Table(box=None, header_style="bold")
    for column in ("what", "kept", "now", "times worse"):
        table.add_column(column, justify="left" if column == "what" else "right")
    failed = []
    for name in [name for name in new if name in kept]:
        worse = times_worse(kept[name], new[name])
        unit = new[name]["unit"]
        table.add_row(name, f"{kept[name]['value']:.3g} {unit}", f"{new[name]['value']:.3g} {unit}", f"{worse:.2f}")
        if unit == RATIO and worse > given.most:
            failed.append(name)
    Console(width=WIDTH).print(table)
    for name in kept.keys() - new.keys():
        if kept[name]["unit"] == RATIO:
            sys.stderr.write(f"kept, but not measured now: {name}\n")
    for name in failed:
        sys.stderr.write(f"more than {given.most:g} times worse than kept: {name}\n")
    return 1 if failed else 0


def read(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return a result's figures by name."""
    return {figure["name"]: figure for figure in orjson.loads(file.read_bytes())["figures"]}


def times_worse(kept: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """Return how many times worse a figure is than it was; below one it is better."""
    before, now = float(kept["value"]), float(new["value"])
    better, worse = (now, before) if new["more_is_better"] else (before, now)
    if better == worse:
        return 1.0
    # What takes less than a tick of the clock took nothing.
    return worse / better if better else math.inf


if __name__ == "__main__":
    sys.exit(main())
