"""How good a model is for parts of the tutors: a mean over all may hide whom it serves badly."""

from dataclasses import dataclass

import numpy as np

from ml.calibration import Labels
from ml.features.catalogue import NAMES
from ml.model import Matrix
from ml.projection import Probabilities
from ml.validation import Mask, auc, calibration_error

# With fewer of a class, a rank says nothing.
LEAST = 20


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the validation rows; what too few rows cannot tell is None."""

    name: str
    rows: int
    churned: int
    auc: float | None
    expected: float
    actual: float
    calibration_error: float | None


def slices(values: Matrix, labels: Labels, probabilities: Probabilities) -> list[Slice]:
    """Measure every part that has rows."""
    parts = _parts(values)
    return [_slice(name, labels[rows], probabilities[rows]) for name, rows in parts.items() if rows.any()]


def _parts(values: Matrix) -> dict[str, Mask]:
    def of(name: str) -> Matrix:
        column: Matrix = values[:, NAMES.index(name)]
        return column

    tenure, baseline = of("tenure_days"), of("baseline_sessions_per_week")
    return {
        "all": np.ones(len(values), dtype=np.bool_),
        "taught within 7 days": of("sessions_7d") > 0,
        "silent for 7 days or more": of("sessions_7d") == 0,
        "joined less than 7 days ago": tenure < 7,  # noqa: PLR2004 - the name says it
        "joined 7 to 30 days ago": (tenure >= 7) & (tenure < 30),  # noqa: PLR2004
        "joined 30 days to a year ago": (tenure >= 30) & (tenure < 365),  # noqa: PLR2004
        "joined more than a year ago": tenure >= 365,  # noqa: PLR2004
        "stated at most 10 sessions a week": baseline <= 10,  # noqa: PLR2004
        "stated more than 10 sessions a week": baseline > 10,  # noqa: PLR2004
        "teaches mathematics or science": of("teaches_stem") == 1,
        "teaches test preparation": of("teaches_test_prep") == 1,
        "without any rating in 30 days": np.isnan(of("rating_avg_30d")),
    }


def _slice(name: str, labels: Labels, probabilities: Probabilities) -> Slice:
    enough = LEAST <= labels.sum() <= len(labels) - LEAST
    return Slice(
        name=name,
        rows=len(labels),
        churned=int(labels.sum()),
        auc=auc(labels, probabilities) if enough else None,
        expected=float(probabilities.mean()),
        actual=float(labels.mean()),
        calibration_error=calibration_error(labels, probabilities) if enough else None,
    )
