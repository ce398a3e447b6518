"""What a benchmark says, and of which machine."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tests.benchmarks.sheets import MET, MISSED, sheets

WIDTH = 150
COLOURED = {MET: f"[green]{MET}[/]", MISSED: f"[red]{MISSED}[/]"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside what was aimed at."""

    name: str
    value: float
    unit: str
    goal: float | None
    runs: int
    spread: tuple[float, float]
    more_is_better: bool = False
    # Of a stage: which one, at which size, and what of it; the name holds all three.
    stage: str | None = None
    size: str | None = None
    aspect: str | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of all values lies (nearest rank)."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def median(
    name: str, values: Sequence[float], unit: str, *, goal: float | None = None, more_is_better: bool = False
) -> Figure:
    """Return the median of what was measured some times."""
    spread = (min(values), max(values))
    return Figure(name, statistics.median(values), unit, goal, len(values), spread, more_is_better)


def median_seconds(name: str, act: Callable[[], object], *, runs: int, goal: float | None = None) -> Figure:
    """Time an act some times after a warm-up; the median counts."""
    act()
    return median(name, [seconds_of(act) for _ in range(runs)], "s", goal=goal)


def milliseconds(name: str, seconds: Sequence[float], share: float, *, goal: float | None = None) -> Figure:
    """Return one quantile of many short times, in milliseconds."""
    value = 1000 * quantile(seconds, share)
    return Figure(name, value, "ms", goal, len(seconds), (1000 * min(seconds), 1000 * max(seconds)))


def seconds_of(act: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def machine() -> dict[str, Any]:
    """Return what one must know of the machine and its libraries to compare numbers."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("dramatiq", "psycopg", "sqlalchemy", "xgboost", "redis")},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def show(figures: Sequence[Figure], facts: dict[str, Any]) -> None:
    """Print figures and the machine."""
    console = Console(width=WIDTH)
    for sheet in sheets([as_kept(figure) for figure in figures]):
        made = Table(box=None, header_style="bold")
        for column in sheet.columns:
            made.add_column(column, justify="left" if column in ("what", "") else "right", no_wrap=True)
        for row in sheet.rows:
            made.add_row(*row[:-1], COLOURED.get(row[-1], row[-1]))
        console.print(made)
    console.print(", ".join(f"{name} {value}" for name, value in facts.items() if name != "libraries"))


def as_kept(figure: Figure) -> dict[str, Any]:
    """Return a figure as it is kept."""
    return asdict(figure) | {"met": figure.met}


def keep(figures: Sequence[Figure], facts: dict[str, Any], file: Path) -> None:
    """Write figures and machine as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": facts, "figures": [as_kept(figure) for figure in figures]}
    file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
