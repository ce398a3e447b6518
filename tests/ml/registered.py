"""Published and registered models, with one call."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from ml import artefact, registry
from ml.features.build import feature_version
from ml.gate import Decision
from ml.model import ChurnModel
from ml.registry import Registered
from tests.ml.trained import AT, FACTS, files
from tutormax import db
from tutormax.populations import Population

SYNTHETIC = Population.SYNTHETIC


def add_model(
    connection: Connection,
    root: Path,
    *,
    population: Population = SYNTHETIC,
    model: ChurnModel | None = None,
    decision: Decision = Decision.PROMOTE,
    days: int = 0,
) -> Registered:
    """Publish and enter a model that was trained so many days after AT, against whoever is champion."""
    at = AT + timedelta(days=days)
    directory = root / population
    published = artefact.publish(directory, at, files(model), FACTS)
    made = registered(population, published.version, published.manifest_sha256, at)
    met = registry.champion(connection, population)
    registry.enter(
        connection,
        made,
        decision,
        reason="every check passed",
        metrics={"horizons": {}},
        met=met.model_id if met else None,
        directory=directory,
    )
    db.committed(connection)
    return made


def registered(population: Population, version: str, manifest_sha256: str, at: datetime) -> Registered:
    """Return the row of a model."""
    return Registered(population, version, feature_version(), manifest_sha256, as_of=at, trained_at=at)
