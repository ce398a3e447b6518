"""One tutor's score as a picture: what makes the latest one, piece by piece, and how it came to it over time."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tutormax.errors import PermanentError

# Before anything of matplotlib's looks for a screen.
mpl.use("Agg")

RAISES, LOWERS, WHOLE = "#c92a2a", "#1f5fa8", "#495057"
BANDS = ((0, 0.25, "low", "#ebfbee"), (0.25, 0.5, "medium", "#fff9db"), (0.5, 0.75, "high", "#ffe8cc"),
         (0.75, 1, "critical", "#ffe3e3"))  # fmt: skip
MARKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
LEAST_SPAN = timedelta(days=7)
LINE = 46


class NothingToDrawError(PermanentError):
    """A tutor has no score, or one that says nothing of its parts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall, in log-odds."""

    text: str
    start: float
    end: float
    whole: bool = False


def draw(name: str, scores: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw a tutor's scores, newest first, into a file; its ending says in which format."""
    if not scores or "margin" not in scores[0]["reasons"]:
        raise NothingToDrawError(f"{name} has no score with reasons: python -m tutormax.enqueue batch_predict_churn")
    figure = Figure(figsize=(11, 9), layout="constrained")
    waterfall, history = figure.subplots(2, 1, height_ratios=[2.2, 1])
    latest = scores[0]
    figure.suptitle(
        f"{name}: {latest['risk_level']}, score {latest['churn_score']}\n"
        f"as of {latest['as_of']:%Y-%m-%d %H:%M} UTC, by {latest['model_id']}"
    )
    _waterfall(waterfall, steps(latest["reasons"]))
    _history(history, [(score["as_of"], score["p30"]) for score in reversed(scores)])
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise NothingToDrawError(f"{path} cannot be written: {error}") from error


def steps(reasons: Mapping[str, Any]) -> list[Step]:
    """Return the way from the bias to the margin: each named factor, all others together."""
    factors = sorted(reasons["factors"], key=lambda factor: -abs(factor["phi"]))
    way = [Step("where everybody starts", 0, reasons["bias"], whole=True)]
    for factor in factors:
        way.append(Step(factor["text"], way[-1].end, way[-1].end + factor["phi"]))
    others = Step("everything else together", way[-1].end, reasons["margin"])
    return [*way, others, Step("this tutor", 0, reasons["margin"], whole=True)]


def _waterfall(axes: Axes, way: Sequence[Step]) -> None:
    low, high = (side(step.end for step in way) for side in (min, max))
    # A bar of the whole would begin at even odds, which mean nothing here: beginning and end are marks.
    for row, step in enumerate(way):
        if step.whole:
            axes.plot([step.end], [row], marker="D", color=WHOLE, markersize=9)
            axes.annotate(_percent(step.end), (step.end, row), (10, -4), textcoords="offset points", color=WHOLE)
            continue
        rise = step.end - step.start
        axes.barh(row, rise, left=step.start, color=RAISES if rise > 0 else LOWERS, height=0.6)
        axes.annotate(
            f"x {math.exp(rise):.2f}",
            (max(step.start, step.end), row),
            (6, -4),
            textcoords="offset points",
            color=RAISES if rise > 0 else LOWERS,
        )
    for row, step in enumerate(way[:-1]):
        axes.plot([step.end, step.end], [row, row + 1], color="#adb5bd", linewidth=1, zorder=0)
    axes.set_yticks(range(len(way)), [textwrap.fill(step.text, LINE) for step in way])
    axes.invert_yaxis()
    room = 0.12 * (high - low) + 0.1
    axes.set_xlim(low - room, high + 2 * room)
    marks = [mark for mark in MARKS if low - room <= _log_odds(mark) <= high + 2 * room]
    axes.set_xticks([_log_odds(mark) for mark in marks], [f"{mark:.0%}" for mark in marks])
    axes.set_xlabel("probability of leaving within 30 days; each bar multiplies the odds")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _history(axes: Axes, points: Sequence[tuple[datetime, float]]) -> None:
    for low, high, level, colour in BANDS:
        axes.axhspan(low, high, color=colour, zorder=0)
        axes.annotate(level, (1.005, (low + high) / 2), xycoords="axes fraction", va="center", color=WHOLE)
    axes.plot(*zip(*points, strict=True), color=WHOLE, marker="o", markersize=3, linewidth=1.2)
    # A single score is a point in its week, not one in years.
    last = points[-1][0]
    axes.set_xlim(min(points[0][0], last - LEAST_SPAN), last + LEAST_SPAN / 14)  # type: ignore[arg-type]
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set(ylim=(0, 1), ylabel="probability, 30 days", title="Scores so far")
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.spines[["top", "right"]].set_visible(False)


def _percent(log_odds: float) -> str:
    return f"{1 / (1 + math.exp(-log_odds)):.0%}"


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
