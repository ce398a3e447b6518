"""`python -m tests.faults.storm.publisher`: publishes a model every second and lets it serve, until it is killed."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ml import artefact, registry
from ml.gate import Decision
from ml.registry import ChampionChangedError, Registered
from tests.faults import plants
from tutormax import db
from tutormax.populations import Population

PACE_SECONDS = 1.0
FILES = {"model.json": b'{"weights": [0.1, 0.2]}' * 200, "calibration.json": b"{}"}


def publish(directory: Path) -> None:
    """Publish one model, and let it serve from the commit on."""
    with db.transaction() as connection:
        serving = registry.champion(connection, Population.SYNTHETIC)
        at = datetime.now(UTC)
        published = artefact.publish(directory, at, FILES, {})
        registry.enter(
            connection,
            Registered(Population.SYNTHETIC, published.version, "1", published.manifest_sha256, at, at),
            Decision.PROMOTE,
            reason="the storm",
            metrics={},
            met=serving.model_id if serving else None,
            directory=directory,
        )


if __name__ == "__main__":
    if os.environ.get("STORM_PLANT") in plants.PLANTS:
        plants.PLANTS[os.environ["STORM_PLANT"]]()
    shelf = Path(os.environ["STORM_MODELS"]) / Population.SYNTHETIC
    while True:
        try:
            publish(shelf)
        except (SQLAlchemyError, ChampionChangedError):
            # The next one will do.
            time.sleep(PACE_SECONDS)
        time.sleep(PACE_SECONDS)
