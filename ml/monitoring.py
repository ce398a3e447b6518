"""Every night: what became of predictions, how far inputs and scores have moved, and whether features are as served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, insert

from ml import artefact, drift, outcomes, registry, skew
from ml.artefact import ArtefactError
from ml.drift import Reference
from ml.features.build import feature_version
from ml.serving import Shelf
from ml.skew import Skew
from tutormax import log, queries
from tutormax.tables import prediction_drift

_log = log.get(__name__)

SQL = Path(__file__).parent / "sql"
DAY = timedelta(days=1)

# Fewer, compared with thousands, seem to have moved by chance alone.
LEAST_TUTORS = 200


@dataclass(frozen=True, slots=True)
class MonitoringSummary:
    """Outcomes that became certain, weeks measured, whose probabilities are off, score drift by model, and skew."""

    outcomes: int
    cohorts: int
    off: Sequence[str]
    score_drift: Mapping[str, float]
    skew: Skew


def monitor(connection: Connection, shelf: Shelf, at: datetime) -> MonitoringSummary:
    """Measure everything as known at an instant, and keep it as rows."""
    changed = outcomes.realise(connection, at)
    cohorts = outcomes.keep_cohorts(connection, at)
    off = outcomes.alarming(cohorts)
    for whose in off:
        _log.warning("probabilities off in two consecutive weeks", whose=whose, band=outcomes.BAND)
    skew.name_features(connection)
    skewed = skew.keep_skew(connection, at)
    if skewed.different or skewed.missing:
        _log.warning("served features come out otherwise", different=skewed.different, missing=skewed.missing)
    return MonitoringSummary(changed, len(cohorts), off, keep_drift(connection, shelf, at), skewed)


def keep_drift(connection: Connection, shelf: Shelf, at: datetime) -> dict[str, float]:
    """Compare what each model scored within a day with what it was validated on; return the index of its scores.

    Whatever scored the night is measured, also when another model was promoted since.
    """
    window = {"after": at - DAY, "until": at, "feature_version": feature_version()}
    rows = sorted(connection.execute(queries.load("newest_served", SQL), window), key=lambda row: row.model_id)
    found = {}
    for model_id, members in groupby(rows, key=lambda row: row.model_id):
        scored = list(members)
        reference = _reference(connection, shelf, model_id) if len(scored) >= LEAST_TUTORS else None
        if reference is not None:
            found[model_id] = _kept(connection, model_id, at, scored, reference)
    return found


def _kept(connection: Connection, model_id: str, at: datetime, scored: Sequence[Row[Any]], against: Reference) -> float:
    values = np.array([row.features for row in scored], dtype=np.float32)
    moved = drift.indices(against, values, np.array([row.p30 for row in scored], dtype=np.float64))
    table = prediction_drift
    connection.execute(delete(table).where(table.c.model_id == model_id, table.c.measured_at == at))
    common = {"model_id": model_id, "measured_at": at, "tutors": len(scored)}
    connection.execute(insert(table), [{**common, "subject": name, "psi": index} for name, index in moved.items()])
    return moved[drift.SCORE]


def _reference(connection: Connection, shelf: Shelf, model_id: str) -> Reference | None:
    model = registry.named(connection, model_id)
    if model is None:
        return None
    try:
        found = artefact.read(shelf.directory(model.population), model.version, model.manifest_sha256)
    except ArtefactError as error:
        _log.warning("drift not measured", model_id=model_id, error=str(error))
        return None
    return drift.of_artefact(found)
