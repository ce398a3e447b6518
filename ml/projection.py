"""Four probabilities that cannot contradict each other, and the score and level that the 30-day one gives.

The 30-day probability is the anchor: score, level and reasons speak of it, so the other horizons give way to it.
"""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tutormax.errors import PermanentError

HORIZONS = (1, 7, 30, 90)
ANCHOR = 30

NOTICEABLE = 0.01

Probabilities = NDArray[np.float64]


class NotAProbabilityError(PermanentError):
    """A number that should be a probability is none."""


class RiskLevel(StrEnum):
    """How likely a tutor is to leave within 30 days, in quarters of the score."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


LEVELS = tuple(RiskLevel)


def complete(known: Mapping[int, Probabilities]) -> Probabilities:
    """Return one column a horizon; one without a model follows its neighbour at an even daily risk.

    A horizon is skipped when too few of its labels have two classes. The nearest longer horizon that has a model
    speaks for it, else the nearest shorter one: 1 - (1 - p) ** (h / h of the neighbour).
    """
    columns = []
    for horizon in HORIZONS:
        neighbour = min(known, key=lambda there: (there < horizon, abs(there - horizon)))
        columns.append(1 - (1 - known[neighbour]) ** (horizon / neighbour) if horizon not in known else known[horizon])
    return np.column_stack(columns)


def project(raw: Probabilities) -> Probabilities:
    """Return the probabilities with p1 <= p7 <= p30 <= p90 in every row, and p30 as it was."""
    if not np.all((raw >= 0) & (raw <= 1)):
        wrong = raw[~((raw >= 0) & (raw <= 1))]
        raise NotAProbabilityError(f"{wrong.flat[0]} is not between 0 and 1")
    one, seven, thirty, ninety = raw.T
    seven = np.minimum(seven, thirty)
    return np.column_stack([np.minimum(one, seven), seven, thirty, np.maximum(ninety, thirty)])


def repaired(raw: Probabilities, projected: Probabilities) -> int:
    """Return in how many rows the projection moved a probability by more than NOTICEABLE; many mean a broken model."""
    return int(np.any(np.abs(raw - projected) > NOTICEABLE, axis=1).sum())


def churn_scores(p30: Probabilities) -> NDArray[np.int16]:
    """Return the 30-day probabilities as whole scores from 0 to 100.

    Rounded up, so that the bands end exactly at 0.25, 0.5 and 0.75: score, level and a threshold of one half agree.
    """
    return np.ceil(100 * p30).astype(np.int16)


def risk_level(score: int) -> RiskLevel:
    """Return the level of a score: low to 25, medium to 50, high to 75, critical above."""
    return LEVELS[max(0, (score - 1) // 25)]
