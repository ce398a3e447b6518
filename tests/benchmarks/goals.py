"""What is measured, and what was aimed at, for each stage and size."""

from collections.abc import Mapping
from enum import StrEnum

from tests.benchmarks.sheets import Aspect
from tests.benchmarks.sizes import Size


class Measured(StrEnum):
    """A stage by itself, or done by workers."""

    GENERATION = "generation"
    GENERATION_BY_WORKER = "generation by a worker"
    DAILY_SUMS = "daily sums of all days"
    EVALUATION = "evaluation"
    EVALUATION_OF_A_NEW_DAY = "evaluation, first of a day"
    EVALUATION_TICK = "evaluation tick by a worker"
    FEATURES = "58 features"
    SCORING = "scoring"
    SCORING_BY_WORKERS = "scoring by workers"
    INGEST = "ingest"
    INGEST_BY_COMMAND = "ingest by the command"


# Of any process, where it might grow with the marketplace.
PEAK_MIB: Mapping[str, float] = {"L": 1536}

ALWAYS: Mapping[Measured, Mapping[Aspect, float]] = {
    Measured.GENERATION: {Aspect.RATE: 40_000},
    Measured.EVALUATION: {Aspect.TO_LIMIT: 1.3},
    Measured.EVALUATION_OF_A_NEW_DAY: {Aspect.TO_LIMIT: 1.3},
    Measured.SCORING: {Aspect.TO_LIMIT: 1.5},
    Measured.INGEST: {Aspect.RATE: 40_000},
}
BY_SIZE: Mapping[tuple[Measured, str], Mapping[Aspect, float]] = {
    (Measured.EVALUATION_TICK, "N"): {Aspect.CPU: 0.4},
    (Measured.EVALUATION_TICK, "L"): {Aspect.CPU: 3},
    (Measured.EVALUATION_TICK, "XL"): {Aspect.CPU: 30},
    (Measured.FEATURES, "N"): {Aspect.WALL: 2.5},
    (Measured.FEATURES, "L"): {Aspect.WALL: 20},
    (Measured.FEATURES, "XL"): {Aspect.A_TUTOR: 1.5},
}


def of(stage: Measured, size: Size) -> Mapping[Aspect, float]:
    """Return a stage's goals."""
    peak = PEAK_MIB.get(size.name)
    most = {} if peak is None else {Aspect.CLIENT_PEAK: peak, Aspect.SERVER_PEAK: peak}
    return {**ALWAYS.get(stage, {}), **BY_SIZE.get((stage, size.name), {}), **most}
