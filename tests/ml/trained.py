"""Small trained models for tests that need one, and their files."""

from datetime import UTC, datetime
from functools import lru_cache

from ml import packing
from ml.boosting import Plan
from ml.calibration import Calibration
from ml.features.build import feature_version, sql_sha256
from ml.features.catalogue import NAMES
from ml.model import ChurnModel
from ml.projection import HORIZONS
from tests.ml.invented import invent

AT = datetime(2026, 6, 15, 2, 0, tzinfo=UTC)
FACTS = {"feature_version": feature_version(), "sql_sha256": sql_sha256(), "unseen_from": {}}


@lru_cache
def small_model(seed: int = 7) -> ChurnModel:
    """Return a model of few trees, calibrated by a line that changes something."""
    world = invent(tutors=60, weeks=6, seed=seed)
    planned = Plan(trees=20, calibration=Calibration(0.1, 1.2), provisional=True, seed=seed)
    return ChurnModel(NAMES, {h: planned.learn(world.examples(h)) for h in HORIZONS})


def files(model: ChurnModel | None = None) -> dict[str, bytes]:
    """Return a model's files."""
    made = model or small_model()
    return packing.pack(made, made, invent(tutors=20, weeks=3).values, {"gate": {}})
