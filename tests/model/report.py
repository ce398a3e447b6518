"""The table of an exam, printed and kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from ml.gate import Judgement
from ml.projection import ANCHOR, HORIZONS
from ml.validation import Quality, quality
from tests.model.exam import Sat
from tests.model.marks import GOALS, Mark
from tests.model.scale import Scale

Records = Mapping[str, Mapping[int, Quality]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that an exam found, and where."""

    machine: Mapping[str, Any]
    scale: Scale
    marks: Sequence[Mark]
    records: Records
    gate: Judgement


def records(sat: Sat, scale: Scale) -> Records:
    """Return the whole record of the model, logistic regression and both oracles, by name and horizon."""
    found: dict[str, dict[int, Quality]] = {"latent oracle": {}, "filter oracle": {}, "model": {}, "regression": {}}
    for column, horizon in enumerate(scale.horizons):
        said = {
            "latent oracle": sat.oracle.latent[:, column],
            "filter oracle": sat.oracle.filtered[:, column],
            "model": sat.model_said[:, HORIZONS.index(horizon)],
        } | ({"regression": sat.regression_said} if horizon == ANCHOR else {})
        for who, probabilities in said.items():
            found[who][horizon] = quality(sat.labels[horizon], probabilities, sat.active)
    return found


def show(report: Report) -> None:
    """Print what was measured beside what was asked for, then everybody's record."""
    console = Console(width=120)
    console.print(_marks(report.marks))
    console.print(_records(report.records))
    console.print(f"gate: {report.gate.decision}, {report.gate.reason}")
    console.print(", ".join(f"{name} {value}" for name, value in report.machine.items() if name != "libraries"))


def keep(report: Report, directory: Path) -> Path:
    """Write everything as JSON; return the file."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{report.machine['at'].replace(':', '')}.json"
    content = asdict(report) | {"marks": [asdict(mark) | _verdict(mark) for mark in report.marks]}
    file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    return file


def _verdict(mark: Mark) -> dict[str, object]:
    goal = GOALS.get(mark.name)
    return {} if goal is None else {"goal": asdict(goal), "met": goal.met(mark.value)}


def _marks(marks: Sequence[Mark]) -> Table:
    made = Table(box=None, header_style="bold")
    for column in ("what", "measured", "19 in 20", "at least", "reach for", ""):
        made.add_column(column, justify="left" if column in {"what", ""} else "right")
    for mark in marks:
        goal = GOALS.get(mark.name)
        spread = "" if mark.low is None or mark.high is None else f"{mark.low:.3f} to {mark.high:.3f}"
        bounds = ("", "") if goal is None else (f"{goal.least:g}", "" if goal.reach is None else f"{goal.reach:g}")
        met = "" if goal is None else "[green]met[/]" if goal.met(mark.value) else "[red]missed[/]"
        made.add_row(mark.name, f"{mark.value:.4g}", spread, *bounds, met)
    return made


def _records(found: Records) -> Table:
    made = Table(box=None, header_style="bold")
    for column in ("who", "days", "rows", "churned", "AUC", "early AUC", "skill", "error", "slope", "mean/actual"):
        made.add_column(column, justify="left" if column == "who" else "right")
    for who, each in found.items():
        for horizon, record in each.items():
            numbers = (
                record.auc,
                record.early_warning_auc,
                record.skill,
                record.calibration_error,
                record.calibration_slope,
                record.mean_ratio,
            )
            shown = ("" if number is None else f"{number:.4f}" for number in numbers)
            made.add_row(who, str(horizon), str(record.rows), str(record.positives), *shown)
    return made
