"""The challenger: what a data set teaches, judged beside the champion and published."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from ml import artefact, candidate, drift, evidence, history, packing, papers, registry
from ml.artefact import ArtefactError
from ml.candidate import Candidate, Terms
from ml.contests import Champion
from ml.dataset import Dataset
from ml.features.build import microseconds
from ml.gate import Measured
from ml.model import ChurnModel
from ml.oracle import ceiling
from ml.registry import Registered
from ml.training import Lesson, Progress, Training
from ml.training_told import Outcome, Request
from tutormax import log, queries
from tutormax.populations import Population

_log = log.get(__name__)

SQL = Path(__file__).parent / "sql"


def challenge(engine: Engine, request: Request, dataset: Dataset, directory: Path, progress: Progress) -> Outcome:
    """Learn, judge and publish a challenger; say what was lacking where nothing could be learnt."""
    with engine.connect() as connection:
        serving = registry.champion(connection, request.population)
    champion = None if serving is None else _champion(serving, directory)
    made = candidate.make(
        dataset,
        champion,
        _terms(request),
        progress,
        further=lambda model, lesson: _further(engine, request, champion, model, lesson),
    )
    if isinstance(made, Training):
        lacking = "; ".join(f"{horizon} days: {why}" for horizon, why in made.skipped.items())
        return Outcome(made.status, lacking, len(dataset))
    met = None if serving is None else serving.model_id
    return replace(_published(made, directory, request), rows=len(dataset), met=met)


def _further(
    engine: Engine, request: Request, champion: Champion | None, model: ChurnModel, lesson: Lesson
) -> dict[str, Measured]:
    """Return what the gate asks beyond the data set: how fresh the facts are, and whether the model knows too much."""
    found: dict[str, Measured] = {}
    with engine.connect() as connection:
        # The first model of a population has floors to pass, and nobody to leave in place; nor has one that comes after
        # a champion that nobody can load.
        if champion is not None:
            asked = {"synthetic": request.population.synthetic, "as_of": request.as_of}
            newest = connection.execute(queries.load("newest_raw_row", SQL), asked).scalar_one()
            found |= evidence.of_freshness(newest, request.as_of, request.fresh_minutes)
        if request.population is Population.SYNTHETIC:
            since = lesson.as_of[lesson.validation].min()
            found |= ceiling.of_worlds(connection, model, since=since, known_at=request.as_of, seed=request.seed)
        connection.rollback()
    return found


def _published(made: Candidate, directory: Path, request: Request) -> Outcome:
    artefact.sweep(directory)
    written = papers.papers(made.findings, request.trained_at, list(history.read(directory)))
    published = artefact.publish(directory, request.trained_at, {**made.files, **written}, made.facts)
    return Outcome(
        status="trained",
        reason=made.judgement.reason,
        version=published.version,
        manifest_sha256=published.manifest_sha256,
        feature_version=str(made.facts["feature_version"]),
        decision=made.judgement.decision,
        metrics=made.metrics,
    )


def _champion(serving: Registered, directory: Path) -> Champion | None:
    """Return the model to beat; None if this code cannot ask it any more."""
    try:
        found = artefact.read(directory, serving.version, serving.manifest_sha256)
        model = packing.unpack(found, packing.VALIDATED)
    except ArtefactError as error:
        # To be replaced, not obeyed: a model that nobody can load keeps no other from serving.
        _log.warning("champion cannot be met", model_id=serving.model_id, error=str(error))
        return None
    unseen: Any = found.manifest["unseen_from"]
    return Champion(
        model_id=serving.model_id,
        model=model,
        unseen_from={int(horizon): np.datetime64(instant, "us") for horizon, instant in unseen.items()},
        null_shares=packing.null_shares(found),
        as_of=microseconds(serving.as_of),
        reference=drift.of_artefact(found),
    )


def _terms(request: Request) -> Terms:
    return Terms(
        population=request.population,
        as_of=microseconds(request.as_of),
        seed=request.seed,
        threads=request.threads,
        least_rows=request.least_rows,
        test_share=request.test_share,
        device=request.device,
    )
