"""A model as files and back: boosters as UBJ, everything else as JSON, and a golden matrix that proves the way back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ml.artefact import Artefact, ArtefactError
from ml.calibration import Calibration
from ml.features.build import feature_version, sql_sha256
from ml.features.catalogue import FEATURES, NAMES
from ml.model import ChurnModel, Matrix, Predictor
from ml.projection import ANCHOR, HORIZONS
from ml.validation import Values

if TYPE_CHECKING:
    from xgboost import Booster

CALIBRATION = "calibration.json"
SCHEMA = "feature_schema.json"
METRICS = "evaluation_metrics.json"
REFERENCE = "reference.json"

SERVED = "churn"
VALIDATED = "validated"

GOLDEN_ROWS = 32
GOLDEN_TOLERANCE = 1e-6
DECILES = tuple(np.linspace(0.1, 0.9, 9).round(1).tolist())


def pack(served: ChurnModel, validated: ChurnModel, newest: Matrix, metrics: Mapping[str, object]) -> dict[str, bytes]:
    """Return a model's files; `newest` are the rows it would score now."""
    golden = golden_rows(served, newest)
    files = {
        f"{role}_{horizon}d.ubj": bytes(predictor.booster.save_raw("ubj"))
        for role, model in ((SERVED, served), (VALIDATED, validated))
        for horizon, predictor in model.predictors.items()
    }
    reference = {"golden": golden, "probabilities": served.raw_probabilities(golden)}
    return files | {
        CALIBRATION: _json({str(h): asdict(predictor.calibration) for h, predictor in served.predictors.items()}),
        SCHEMA: _json({"features": _schema(newest)}),
        METRICS: _json(metrics),
        REFERENCE: _json(reference),
    }


def unpack(artefact: Artefact, role: str = SERVED) -> ChurnModel:
    """Return the model of a verified artefact; raise ArtefactError unless this code can serve it as it was made."""
    _require_same_features(artefact)
    calibrations = artefact.json(CALIBRATION)
    predictors = {
        horizon: Predictor(_booster(artefact, name), _calibration(calibrations[str(horizon)]))
        for horizon in HORIZONS
        if (name := f"{role}_{horizon}d.ubj") in artefact.files
    }
    if ANCHOR not in predictors:
        raise ArtefactError(f"{artefact.version} has no {ANCHOR}-day model")
    model = ChurnModel(NAMES, predictors)
    if role == SERVED:
        _require_golden(artefact, model)
    return model


def golden_rows(model: ChurnModel, newest: Matrix) -> Matrix:
    """Return rows from the safest to the most endangered, and one that knows nothing."""
    order = np.argsort(model.raw_probabilities(newest)[:, HORIZONS.index(ANCHOR)], kind="stable")
    spread = order[np.linspace(0, len(order) - 1, GOLDEN_ROWS - 1).astype(np.intp)]
    return np.vstack([newest[spread], np.full((1, newest.shape[1]), np.nan, dtype=np.float32)])


def null_shares(artefact: Artefact) -> Values:
    """Return how much of each feature was missing from the rows that a model would have scored when it was made."""
    schema: Any = artefact.json(SCHEMA)
    return np.array([feature["null_share"] for feature in schema["features"]])


def _schema(newest: Matrix) -> list[dict[str, object]]:
    return [
        {
            **asdict(feature),
            "dtype": "float32",
            "null_share": float(np.isnan(column).mean()),
            "deciles": np.nanquantile(column, DECILES).tolist() if np.isfinite(column).any() else None,
        }
        for feature, column in zip(FEATURES, newest.T, strict=True)
    ]


def _require_same_features(artefact: Artefact) -> None:
    for fact, ours in (("feature_version", feature_version()), ("sql_sha256", sql_sha256())):
        theirs = artefact.manifest.get(fact)
        if theirs != ours:
            raise ArtefactError(
                f"{artefact.version} was made with {fact} {theirs}, this code has {ours}:"
                " train anew with python -m tutormax.enqueue train_models"
            )


def _require_golden(artefact: Artefact, model: ChurnModel) -> None:
    reference: Any = artefact.json(REFERENCE)
    golden = np.array(reference["golden"], dtype=np.float32)
    expected = np.array(reference["probabilities"], dtype=np.float64)
    error = float(np.abs(model.raw_probabilities(golden) - expected).max())
    if not error <= GOLDEN_TOLERANCE:
        raise ArtefactError(f"{artefact.version} misses its own golden probabilities by {error:g}")


def _booster(artefact: Artefact, name: str) -> "Booster":
    # As in model.
    from xgboost import Booster  # noqa: PLC0415
    from xgboost.core import XGBoostError  # noqa: PLC0415

    try:
        booster = Booster(model_file=bytearray(artefact.files[name]))
    except XGBoostError as error:
        raise ArtefactError(f"{artefact.version}/{name} is not a model: {str(error).splitlines()[0]}") from error
    if tuple(booster.feature_names or ()) != NAMES:
        raise ArtefactError(f"{artefact.version}/{name} was not learnt from the {len(NAMES)} features of the catalogue")
    booster.set_param({"nthread": 1})
    return booster


def _calibration(line: Any) -> Calibration:
    return Calibration(float(line["intercept"]), float(line["slope"]))


def _json(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
