"""The exam of a model: made by the product's own recipe, asked about weeks to come, and held to what could be known."""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from ml import artefact, baselines, candidate, packing
from ml.candidate import Candidate, Further, Terms
from ml.dataset import Dataset, training_dataset
from ml.features.build import FeatureMatrix, Spine, build, microseconds
from ml.gate import Judgement
from ml.labels import Labels, churn_labels, spells
from ml.model import ChurnModel
from ml.oracle.pairing import Foreseen, foreseen
from ml.projection import ANCHOR, Probabilities, project
from tests.model.scale import TRAINED_AT, Scale
from tutormax.generation.history import make_history
from tutormax.populations import Population

ORGANIZATION = "exam"
LEAST_ROWS, TEST_SHARE = 100, 0.2
WEEK = 7

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Sat:
    """An exam that was sat: the rows, what came of them, and what was said of them."""

    features: FeatureMatrix
    labels: Mapping[int, Labels]
    oracle: Foreseen
    model: ChurnModel
    model_said: Probabilities
    regression_said: Probabilities
    """Logistic regression's 30-day probabilities, learnt from the same rows as the model."""
    judgement: Judgement
    training_seconds: float
    dataset: Dataset
    organization_id: int

    @property
    def active(self) -> NDArray[np.bool_]:
        """Who taught within a week: of them silence does not tell."""
        return np.asarray(self.features.column("sessions_7d") > 0)


class NothingLearntError(RuntimeError):
    """The marketplace is too small to teach a model anything."""


def sit(source: Connection | Engine, scale: Scale, tell: Tell) -> Sat:
    """Write a marketplace, learn from its past, and answer for the weeks that followed."""
    with _connection(source) as connection:
        world = make_history(
            connection,
            organization=ORGANIZATION,
            end=scale.end,
            days=scale.world_days,
            seed=scale.seed,
            parameters=scale.parameters,
        )
    tell(f"{world.rows.sessions} sessions of {scale.tutors} tutors in {scale.world_days} days are written")
    began = time.perf_counter()
    dataset = training_dataset(
        source, population=Population.SYNTHETIC, as_of=TRAINED_AT, history_days=scale.history_days
    )
    tell(f"{len(dataset)} snapshots are computed")
    model, judgement = trained(dataset, scale)
    taken = time.perf_counter() - began
    tell(f"a model is learnt and judged: {judgement.decision}, {judgement.reason}")
    with _connection(source) as connection:
        spine, labels = questions(connection, scale)
        features = build(connection, spine)
        tell(f"{len(features)} rows test it")
        oracle = foreseen(connection, world.organization_id, features.spine, scale.horizons)
    tell("the oracle has spoken")
    everything = candidate.lessons(dataset, TEST_SHARE)[ANCHOR].examples
    return Sat(
        features=features,
        labels=labels,
        oracle=oracle,
        model=model,
        model_said=project(model.raw_probabilities(features.values)),
        regression_said=baselines.unseen_weeks(everything, candidate.finite(features.values)),
        judgement=judgement,
        training_seconds=taken,
        dataset=dataset,
        organization_id=world.organization_id,
    )


def trained(dataset: Dataset, scale: Scale, further: Further = candidate.nothing) -> tuple[ChurnModel, Judgement]:
    """Return the model that would serve, read back from its files, and what the gate says of it."""
    terms = Terms(
        population=Population.SYNTHETIC,
        as_of=microseconds(TRAINED_AT),
        seed=scale.training_seed,
        threads=scale.threads,
        least_rows=LEAST_ROWS,
        test_share=TEST_SHARE,
    )
    made = candidate.make(dataset, None, terms, lambda *_: None, further)
    if not isinstance(made, Candidate):
        raise NothingLearntError(str(made.skipped))
    with tempfile.TemporaryDirectory(prefix="tutormax-exam-") as directory:
        published = artefact.publish(Path(directory), TRAINED_AT, made.files, made.facts)
        model = packing.unpack(artefact.read(Path(directory), published.version, published.manifest_sha256))
    return model, made.judgement


def questions(connection: Connection, scale: Scale) -> tuple[Spine, dict[int, Labels]]:
    """Return weekly midnights of every tutor who teaches, after training, and what came of each.

    At midnight the oracle, which knows whole days, and the model, which knows instants, know the same days.
    """
    found = spells(connection, Population.SYNTHETIC, known_at=scale.end, since=TRAINED_AT)
    tutor_ids, instants, ends = [], [], []
    for day in range(scale.test_days):
        midnight = microseconds(TRAINED_AT + timedelta(days=day))
        asked = (found.opened_at < midnight) & (found.churn_at > midnight) & ((found.tutor_ids + day) % WEEK == 0)
        tutor_ids.append(found.tutor_ids[asked])
        ends.append(found.churn_at[asked])
        instants.append(np.full(int(asked.sum()), midnight))
    as_of, churn_at = np.concatenate(instants), np.concatenate(ends)
    labels = {h: churn_labels(as_of, churn_at, horizon_days=h, known_at=scale.end) for h in scale.horizons}
    return Spine(np.concatenate(tutor_ids), as_of), labels


def _connection(source: Connection | Engine) -> AbstractContextManager[Connection]:
    return nullcontext(source) if isinstance(source, Connection) else source.begin()
