"""A model of the size that a nightly training makes, and its publication; what it has learned does not matter here."""

from pathlib import Path

import numpy as np

from ml.calibration import Calibration
from ml.features.build import FeatureMatrix
from ml.features.catalogue import NAMES
from ml.model import ChurnModel, Predictor
from ml.projection import HORIZONS
from tests.ml.registered import add_model
from tutormax import db

TREES, ROWS = 600, 5000
# Whoever is copied looks like whom he was copied from: so every size has the same model.
LOOKED_AT = 1500


def made(features: FeatureMatrix) -> ChurnModel:
    """Return a model of a marketplace."""
    import xgboost  # noqa: PLC0415 - costs seconds

    chance = np.random.default_rng(7)
    values = features.values[chance.integers(min(LOOKED_AT, len(features)), size=ROWS)]
    data = xgboost.DMatrix(values, chance.random(ROWS) < 0.2, feature_names=list(NAMES), missing=np.nan)
    recipe = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.02, "seed": 7, "nthread": 2}
    booster = xgboost.train(recipe, data, TREES)
    return ChurnModel(NAMES, {horizon: Predictor(booster, Calibration()) for horizon in HORIZONS})


def publish(model: ChurnModel, root: Path) -> None:
    """Let a model serve the synthetic marketplaces of workers whose models are in a directory."""
    with db.transaction() as connection:
        add_model(connection, root, model=model)
