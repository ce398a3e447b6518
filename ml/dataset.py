"""What a model learns from: the features of every tutor at weekly instants of the past, and who left afterwards."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from ml.features import store
from ml.features.build import CHUNK, SQL, FeatureMatrix, Spine, build, microseconds
from ml.features.catalogue import NAMES
from ml.features.store import Purpose
from ml.labels import Labels, churn_labels, newest_mature, spells
from ml.projection import HORIZONS
from ml.snapshots import Snapshots, snapshots
from tutormax import queries
from tutormax.populations import Population

Groups = NDArray[np.int64]
Progress = Callable[[int, int], None]

# Before, most windows would be empty for want of records, not of work. Waiting until the longest are whole costs a
# young marketplace most of its rows and gained nothing: on 200 days of the synthetic one, 30-day AUC .8875 for .8885.
RECORD_DAYS = 30

# As many statements at once as the reference machine has cores.
THREADS = 2


@dataclass(frozen=True, slots=True)
class Dataset:
    """Features by instant and tutor; for each horizon labels: 1 for who left, 0 for who stayed, -1 for too early."""

    features: FeatureMatrix
    labels: dict[int, Labels]

    def __len__(self) -> int:
        return len(self.features)

    @property
    def groups(self) -> Groups:
        """The tutor of each row: rows of one tutor are alike, and stay together where rows are drawn or folded."""
        return self.features.spine.tutor_ids

    def sha256(self) -> str:
        """Return the SHA-256 of everything in it."""
        digest = hashlib.sha256()
        spine = self.features.spine
        for part in (spine.tutor_ids, spine.as_of, self.features.values, *self.labels.values()):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def training_dataset(
    source: Connection | Engine,
    *,
    population: Population,
    as_of: datetime,
    history_days: int,
    progress: Progress | None = None,
) -> Dataset:
    """Return the labelled snapshots of a population's last days, as known at one instant.

    Vectors computed by an earlier training are read again, new ones are kept for the next: in the transaction of a
    connection, or piece by piece on connections of an engine, two at once.
    """
    with _connection(source) as connection:
        taken = _taken(connection, population, as_of, history_days)
        found, vectors = store.stored(connection, taken.spine)
    values = np.full((len(taken.spine), len(NAMES)), np.nan, dtype=np.float32)
    there = np.zeros(len(taken.spine), dtype=np.bool_)
    values[found], there[found] = vectors, True
    missing = np.flatnonzero(~there)
    # Tutor by tutor: the windows of neighbouring instants lie on the same pages.
    by_tutor = missing[np.argsort(taken.spine.tutor_ids[missing], kind="stable")]
    for rows, matrix in _computed(source, taken.spine, by_tutor, progress):
        values[rows], there[rows] = matrix.values, True
    spine, churn_at = taken.spine.rows(there), taken.churn_at[there]
    return Dataset(
        FeatureMatrix(spine, values[there]),
        {h: churn_labels(spine.as_of, churn_at, horizon_days=h, known_at=as_of) for h in HORIZONS},
    )


def _taken(connection: Connection, population: Population, as_of: datetime, history_days: int) -> Snapshots:
    since = as_of - timedelta(days=history_days)
    rows = connection.execute(queries.load("recorded_since", SQL), {"synthetic": population.synthetic})
    recorded = {row.tutor_id: row.since_us for row in rows}
    open_spells = spells(connection, population, known_at=as_of, since=since)
    # Each organization by its own records: before them its tutors seem to have left. Of one without any nobody is known
    # to have taught, and there is nothing to look at, from any instant on.
    never = microseconds(as_of).astype(np.int64)
    records = np.array([recorded.get(tutor, never) for tutor in open_spells.tutor_ids.tolist()], dtype="datetime64[us]")
    after = np.maximum(records + np.timedelta64(RECORD_DAYS, "D"), microseconds(since))
    return snapshots(open_spells, after=after, until=newest_mature(min(HORIZONS), as_of))


def _computed(
    source: Connection | Engine, spine: Spine, rows: NDArray[np.intp], progress: Progress | None
) -> Iterator[tuple[NDArray[np.intp], FeatureMatrix]]:
    # Piece by piece, each kept as soon as it is there: a training that is stopped goes on where it was.
    def compute(piece: NDArray[np.intp]) -> FeatureMatrix:
        with _connection(source) as connection:
            matrix = build(connection, spine.rows(piece))
            store.store(connection, matrix, Purpose.TRAINING)
        return matrix

    pieces = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="features")
    try:
        computed = pool.map(compute, pieces) if isinstance(source, Engine) else map(compute, pieces)
        for number, (piece, matrix) in enumerate(zip(pieces, computed, strict=True), start=1):
            yield piece[_among(spine.rows(piece), matrix.spine)], matrix
            if progress is not None:
                progress(min(number * CHUNK, len(rows)), len(rows))
    finally:
        pool.shutdown(cancel_futures=True)


def _among(asked: Spine, found: Spine) -> NDArray[np.bool_]:
    # A tutor erased since the spells were read is not found.
    keys = set(zip(found.tutor_ids.tolist(), found.as_of.tolist(), strict=True))
    return np.array([key in keys for key in zip(asked.tutor_ids.tolist(), asked.as_of.tolist(), strict=True)], np.bool_)


@contextmanager
def _connection(source: Connection | Engine) -> Iterator[Connection]:
    if isinstance(source, Connection):
        yield source
    else:
        with source.begin() as connection:
            yield connection
