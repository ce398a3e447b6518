"""The rule that scores tutors of whom there is no model: how long silent, and how far below their own usual.

It is set by hand from the definition of churn (14 days without a session), fitted to nobody: a customer's tutors are
not judged by what invented ones did. Its log-odds are a sum as a model's are, so its reasons have the same form.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.calibration import Margins, log_odds, sigmoid
from ml.features.catalogue import NAMES
from ml.model import Matrix
from ml.projection import ANCHOR, HORIZONS, Probabilities

NAME = "rule"

SILENCE = "days_since_last_session"
RECENT = "sessions_14d"
USUAL = "sessions_90d"
TENURE = "tenure_days"


@dataclass(frozen=True, slots=True)
class Line:
    """The rule of one horizon."""

    risk: float  # of a tutor who taught just now, and as much as usual
    even_days: float  # of silence after which the odds are even
    shortfall: float  # log-odds added for none of the usual sessions in 14 days

    @property
    def start(self) -> float:
        """Log-odds without silence and shortfall."""
        return float(log_odds(np.array(self.risk)))

    @property
    def per_day(self) -> float:
        """Log-odds that a day of silence adds."""
        return -self.start / self.even_days


LINES: Mapping[int, Line] = {
    1: Line(risk=0.0005, even_days=13, shortfall=0),
    7: Line(risk=0.005, even_days=9.5, shortfall=1),
    30: Line(risk=0.06, even_days=7, shortfall=2),
    90: Line(risk=0.2, even_days=5, shortfall=2),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule, asked as a model is."""

    def raw_probabilities(self, values: Matrix) -> Probabilities:
        """Return the probabilities of all four horizons, before they are made to agree."""
        silence, shortfall = _silence(values), _shortfall(values)
        return np.column_stack(
            [sigmoid(LINES[h].start + LINES[h].per_day * silence + LINES[h].shortfall * shortfall) for h in HORIZONS]
        )

    def contributions(self, values: Matrix) -> Margins:
        """Return what each feature adds to the 30-day log-odds, the bias last."""
        line = LINES[ANCHOR]
        parts = np.zeros((len(values), len(NAMES) + 1))
        parts[:, NAMES.index(SILENCE)] = line.per_day * _silence(values)
        parts[:, NAMES.index(RECENT)] = line.shortfall * _shortfall(values)
        parts[:, -1] = line.start
        return parts


def _silence(values: Matrix) -> Margins:
    # Beyond the 14 days nothing is left to tell.
    return np.clip(np.nan_to_num(_column(values, SILENCE)), 0, 14)


def _shortfall(values: Matrix) -> Margins:
    """Return the share of a tutor's usual sessions that is missing from the last 14 days; 0 where nothing is usual."""
    tenure = np.maximum(_column(values, TENURE), 1)
    recent = _column(values, RECENT) / np.minimum(tenure, 14)
    usual = _column(values, USUAL) / np.minimum(tenure, 90)
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = recent / usual
    return np.clip(1 - np.nan_to_num(kept, nan=1.0, posinf=1.0), 0, 1)


def _column(values: Matrix, name: str) -> Margins:
    return values[:, NAMES.index(name)].astype(np.float64)
