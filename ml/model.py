"""A churn model in memory: one booster a horizon, each with its calibration.

XGBoost is imported where it is first used, here and in packing: every process knows the actors, few ever predict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml.calibration import Calibration, Margins
from ml.projection import ANCHOR, HORIZONS, Probabilities, complete

if TYPE_CHECKING:
    from xgboost import Booster, DMatrix

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Predictor:
    """One horizon's booster and what makes its log-odds honest."""

    booster: "Booster"
    calibration: Calibration

    def margins(self, data: "DMatrix") -> Margins:
        """Return calibrated log-odds."""
        return self.calibration.margins(self.booster.predict(data, output_margin=True).astype(np.float64))

    def probabilities(self, data: "DMatrix") -> Probabilities:
        """Return calibrated probabilities."""
        raw = self.booster.predict(data, output_margin=True).astype(np.float64)
        return self.calibration.probabilities(raw)


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """The predictors of one training; a horizon that was skipped has none, the 30 days always do."""

    names: Sequence[str]
    predictors: Mapping[int, Predictor]

    def data(self, values: Matrix) -> "DMatrix":
        """Return feature values as XGBoost takes them, names and all; infinity counts as unknown."""
        from xgboost import DMatrix  # noqa: PLC0415 - costs seconds and 100 MB

        finite = np.where(np.isfinite(values), values, np.float32(np.nan))
        # One thread: to wake others takes longer than a tutor's score, and on a busy machine they wait for each other.
        return DMatrix(finite, feature_names=list(self.names), nthread=1)

    def raw_probabilities(self, values: Matrix) -> Probabilities:
        """Return calibrated probabilities of all four horizons, before they are made to agree."""
        data = self.data(values)
        return complete({h: self.predictors[h].probabilities(data) for h in HORIZONS if h in self.predictors})

    def contributions(self, values: Matrix) -> Margins:
        """Return what each feature adds to the 30-day log-odds, the bias last (TreeSHAP, exact, after calibration)."""
        predictor = self.predictors[ANCHOR]
        parts = predictor.booster.predict(self.data(values), pred_contribs=True).astype(np.float64)
        parts *= predictor.calibration.slope
        parts[:, -1] += predictor.calibration.intercept
        return parts
