"""Does a model know more than can be seen? It is held to the oracle as of midnights of weeks that it has not seen.

The truth is read here, when the model is learnt already, and only by a role that may; to others this stays unjudged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from ml import evidence
from ml.features.build import FeatureMatrix, Spine, build
from ml.gate import Measured
from ml.labels import Instants, Labels, Spells, newest_mature, spells
from ml.model import ChurnModel
from ml.oracle.pairing import NoWorldError, filtered
from ml.projection import ANCHOR, HORIZONS, Probabilities, project
from tutormax import log
from tutormax.generation import truth
from tutormax.populations import Population

_log = log.get(__name__)

WEEK = 7
DAY = np.timedelta64(1, "D")
# Enough to tell a leak of the archetype from an honest model.
MOST_ROWS = 10_000

READABLE = text(
    "select coalesce(bool_and("
    " has_schema_privilege(relation.relnamespace, 'usage') and has_table_privilege(relation.oid, 'select')), false)"
    " from pg_class as relation where relation.relnamespace = to_regnamespace('sim_truth') and relation.relkind = 'r'"
)

Features = Callable[[Connection, Spine], FeatureMatrix]
Answers = tuple[Labels, Probabilities, Probabilities, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Ends:
    """When some tutors began to teach, and when each left."""

    tutor_ids: NDArray[np.int64]
    opened_at: Instants
    churn_at: Instants


@dataclass(frozen=True, slots=True)
class Asked:
    """Tutors as of midnights, and which of them left within 30 days."""

    spine: Spine
    labels: Labels


def of_worlds(
    connection: Connection,
    model: ChurnModel,
    *,
    since: np.datetime64,
    known_at: datetime,
    seed: int,
    features: Features = build,
) -> dict[str, Measured]:
    """Return how much of the oracle's AUC a model has on the weeks since an instant; nothing where that cannot be told.

    Left out are worlds whose laws change on a day, and those that do not go on as they began since a tutor was erased.
    """
    if not connection.execute(READABLE).scalar_one():
        _log.info("oracle not asked, the truth is hidden from this role")
        return {}
    after = since.astype("datetime64[s]").item().replace(tzinfo=UTC)
    left = spells(connection, Population.SYNTHETIC, known_at=known_at, since=after)
    answers = []
    for organization_id, written in truth.every_world(connection).items():
        if written.parameters.drift_day is None:
            # Where nothing has been written since, silence means nothing.
            until = newest_mature(ANCHOR, min(known_at, written.written_until))
            asked = _midnights(_of(left, truth.members(connection, organization_id)), since, until)
            answers += _answers(connection, organization_id, model, asked, features)
    return _compared(answers, seed)


def _of(left: Spells, members: NDArray[np.int64]) -> Ends:
    which = np.isin(left.tutor_ids, members)
    return Ends(left.tutor_ids[which], left.opened_at[which], left.churn_at[which])


def _midnights(ends: Ends, since: np.datetime64, until: np.datetime64) -> Asked:
    """Return weekly midnights of everybody within a spell, and who left within 30 days of each."""
    days = np.arange(since.astype("datetime64[D]") + DAY, until.astype("datetime64[D]") + DAY)
    row, at = np.nonzero(
        (ends.opened_at[:, None] < days)
        & (ends.churn_at[:, None] > days)
        & ((ends.tutor_ids[:, None] + days.astype(np.int64)) % WEEK == 0)
    )
    order = np.lexsort((row, at))[:MOST_ROWS]
    row, midnights = row[order], days[at[order]].astype("datetime64[us]")
    gone = ends.churn_at[row] - midnights <= ANCHOR * DAY
    return Asked(Spine(ends.tutor_ids[row], midnights), gone.astype(np.int8))


def _answers(
    connection: Connection, organization_id: int, model: ChurnModel, asked: Asked, features: Features
) -> list[Answers]:
    if not len(asked.spine):
        return []
    try:
        best = filtered(connection, organization_id, asked.spine, ANCHOR)
    except NoWorldError as error:
        _log.warning("oracle has no answer", organization_id=organization_id, error=str(error))
        return []
    values = features(connection, asked.spine).values
    said = project(model.raw_probabilities(values))[:, HORIZONS.index(ANCHOR)]
    return [(asked.labels, said, best, asked.spine.tutor_ids)]


def _compared(answers: list[Answers], seed: int) -> dict[str, Measured]:
    if not answers:
        return {}
    labels, said, best, groups = (np.concatenate(column) for column in zip(*answers, strict=True))
    return evidence.of_oracle(labels, said, best, groups, seed) if 0 < labels.sum() < len(labels) else {}
