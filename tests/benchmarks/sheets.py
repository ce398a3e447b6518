"""Figures as tables: one line a stage with all that was measured of it, and a line each for the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Kept = Mapping[str, Any]

MET, MISSED = "met", "missed"


class Aspect(StrEnum):
    """What is measured of a stage; the client is whoever works on it, in one process or several."""

    WALL = "wall"
    CLIENT_CPU = "CPU of the client"
    SERVER_CPU = "CPU of PostgreSQL"
    CPU = "CPU of both"
    CLIENT_PEAK = "peak memory of a client"
    SERVER_PEAK = "peak memory of a backend"
    RATE = "rows a second"
    A_TUTOR = "wall, a tutor"
    CPU_A_TUTOR = "CPU of both, a tutor"
    TO_LIMIT = "wall to its limit"
    CPU_TO_LIMIT = "CPU to its limit"
    ORM = "the ORM way, wall to ours"
    ORM_CPU = "the ORM way, CPU to ours"


STAGE_COLUMNS = (
    "what",
    "wall",
    "CPU, client + PostgreSQL",
    "peak, client and backend",
    "rows/s",
    "a tutor",
    "to its limit (CPU)",
    "ORM to ours (CPU)",
)
FIGURE_COLUMNS = ("what", "measured", "least to most", "runs", "goal", "")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def sheets(figures: Sequence[Kept]) -> list[Sheet]:
    """Return the stages, and then what is no stage's or has a goal; a table without rows is left out."""
    stages: dict[str, dict[str, Kept]] = {}
    for figure in figures:
        # A result that was kept before stages had aspects has none.
        if figure.get("stage") is not None:
            stages.setdefault(f"{figure['stage']}, {figure['size']}", {})[figure["aspect"]] = figure
    others = [figure for figure in figures if figure.get("stage") is None or figure["goal"] is not None]
    both = [
        Sheet(STAGE_COLUMNS, [_stage(name, measured) for name, measured in stages.items()]),
        Sheet(FIGURE_COLUMNS, [_figure(figure) for figure in others]),
    ]
    return [sheet for sheet in both if sheet.rows]


def _stage(name: str, measured: Mapping[str, Kept]) -> Sequence[str]:
    def said(form: str, *aspects: Aspect) -> str:
        return form.format(*(measured[each]["value"] for each in aspects)) if measured.keys() >= {*aspects} else ""

    return (
        name,
        said("{:.3g} s", Aspect.WALL),
        said("{:.3g} + {:.3g} s", Aspect.CLIENT_CPU, Aspect.SERVER_CPU),
        said("{:.0f}, {:.0f} MiB", Aspect.CLIENT_PEAK, Aspect.SERVER_PEAK),
        said("{:,.0f}", Aspect.RATE),
        said("{:.3g} ms", Aspect.A_TUTOR),
        said("{:.3g} x ({:.3g})", Aspect.TO_LIMIT, Aspect.CPU_TO_LIMIT),
        said("{:.3g} x ({:.3g})", Aspect.ORM, Aspect.ORM_CPU),
    )


def _figure(figure: Kept) -> Sequence[str]:
    low, high = figure["spread"]
    return (
        figure["name"],
        f"{figure['value']:.3g} {figure['unit']}",
        f"{low:.3g} to {high:.3g}",
        str(figure["runs"]),
        "" if figure["goal"] is None else f"{figure['goal']:g}",
        {True: MET, False: MISSED, None: ""}[figure["met"]],
    )
