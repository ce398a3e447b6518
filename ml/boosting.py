"""One horizon's booster: how many trees it needs, the trees, and the calibration of their log-odds.

Both come from folds of whole tutors. The newest weeks of the same tutors would not do: their 90-day labels overlap
with those that were learnt, so remembering tutors looks like foresight and many times too many trees are grown.
Classes are never rebalanced: the probabilities would no longer be probabilities. Many small steps, each on half of the
rows and a third of the features: fewer and larger ones explained a hundredth less of what can be explained.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from xgboost import Booster, DMatrix, QuantileDMatrix
from xgboost import train as boosted

from ml.calibration import Calibration, Labels, Margins
from ml.device import Device, confirm
from ml.model import Matrix, Predictor
from ml.validation import Mask

Each = Callable[..., Iterable[Any]]

PARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.02,
    "subsample": 0.5,
    "colsample_bytree": 0.3,
    "min_child_weight": 20,
    "lambda": 10,
    "max_bin": 128,
}
MOST_TREES = 1800
PATIENCE = 40
# Five choose hardly other numbers of trees, for a fifth more time.
FOLDS = 3

# With fewer churners than this, a fixed small model: there is too little to choose trees and calibration on.
FEW_POSITIVES = 200
FEW_TREES = 120
FEW = {"eta": 0.04, "min_child_weight": 5}


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled rows, and the tutor whom each is about."""

    names: Sequence[str]
    values: Matrix
    labels: Labels
    groups: NDArray[np.int64]

    def where(self, rows: Mask | NDArray[np.intp]) -> "Examples":
        """Return some of the rows."""
        return Examples(self.names, self.values[rows], self.labels[rows], self.groups[rows])

    def binned(self) -> QuantileDMatrix:
        """Return the rows as XGBoost learns from them."""
        names = list(self.names)
        return QuantileDMatrix(self.values, self.labels, feature_names=names, max_bin=PARAMETERS["max_bin"], nthread=1)

    def plain(self) -> DMatrix:
        """Return the rows as XGBoost predicts them."""
        return DMatrix(self.values, self.labels, feature_names=list(self.names), nthread=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one horizon is learnt, now and when more rows have come."""

    trees: int
    calibration: Calibration
    provisional: bool
    seed: int
    device: Device = Device.CPU

    def learn(self, examples: Examples) -> Predictor:
        """Learn a predictor from all of the examples."""
        given = parameters(self.seed, self.device, provisional=self.provisional)
        return Predictor(_confirmed(boosted(given, examples.binned(), self.trees), self.device), self.calibration)


def parameters(seed: int, device: Device = Device.CPU, *, provisional: bool = False) -> dict[str, object]:
    """Return XGBoost's parameters."""
    # One thread a booster, and horizons side by side: threads that wait for each other at every tree cost too much.
    few = FEW if provisional else {}
    return {**PARAMETERS, **few, "seed": seed, "device": device.value, "nthread": 1, "verbosity": 0}


def plan(examples: Examples, seed: int, *, device: Device = Device.CPU, each: Each = map) -> Plan:
    """Find how many trees predict tutors best who were not learnt from, and what their log-odds are worth.

    `each` does what `map` does, perhaps several at once.
    """
    if int(examples.labels.sum()) < FEW_POSITIVES:
        return Plan(FEW_TREES, Calibration(), provisional=True, seed=seed, device=device)
    folds = list(GroupKFold(FOLDS).split(examples.values, groups=examples.groups))
    boosters = list(each(lambda rows: _stopped(examples.where(rows[0]), examples.where(rows[1]), seed, device), folds))
    trees = int(np.median([booster.best_iteration + 1 for booster in boosters]))
    margins = np.empty(len(examples.labels), dtype=np.float64)
    for booster, (_, fold) in zip(boosters, folds, strict=True):
        margins[fold] = _unseen(booster, examples.where(fold), trees)
    return Plan(trees, Calibration.fitted(margins, examples.labels), provisional=False, seed=seed, device=device)


def unseen_tutors(examples: Examples, planned: Plan, each: Each = map) -> Margins:
    """Return each row's calibrated log-odds by a predictor that was learnt from other tutors only."""
    margins = np.empty(len(examples.labels), dtype=np.float64)
    folds = list(GroupKFold(FOLDS).split(examples.values, groups=examples.groups))
    predictors = each(lambda rows: planned.learn(examples.where(rows[0])), folds)
    for predictor, (_, fold) in zip(predictors, folds, strict=True):
        margins[fold] = predictor.margins(examples.where(fold).plain())
    return margins


def _stopped(rest: Examples, fold: Examples, seed: int, device: Device) -> Booster:
    booster = boosted(
        parameters(seed, device),
        rest.binned(),
        MOST_TREES,
        # Not binned: the trees divide these rows the same way, and after each tree that is told in a third of the time.
        evals=[(fold.plain(), "fold")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )
    return _confirmed(booster, device)


def _confirmed(booster: Booster, device: Device) -> Booster:
    confirm(booster, device)
    # Judged where it will serve.
    booster.set_param({"device": Device.CPU.value})
    return booster


def _unseen(booster: Booster, fold: Examples, trees: int) -> Margins:
    grown = min(trees, booster.num_boosted_rounds())
    margins: Margins = booster.predict(fold.plain(), output_margin=True, iteration_range=(0, grown)).astype(np.float64)
    return margins
