"""The features of any tutors at any instants, by one statement: for one tutor, a batch, or a training set."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, TextClause, text

from ml.features.catalogue import FEATURES, NAMES
from tutormax import queries

SQL = Path(__file__).parent / "sql"

# The oldest and the newest that any window reaches, around its instant.
LONGEST_WINDOW = timedelta(days=max(feature.window_days or 0 for feature in FEATURES))
FURTHEST_BOOKING = timedelta(days=7)

# As many as one statement answers within a second or two, far below any time limit.
CHUNK = 1000

PLANNER = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off"}
PLANNED = text("select current_setting(name) from unnest(cast(:names as text[])) as asked (name)")
PLAN = text(
    "select set_config(name, setting, true)"
    " from unnest(cast(:names as text[]), cast(:settings as text[])) as given (name, setting)"
)


@dataclass(frozen=True, slots=True)
class Spine:
    """Which tutors, each as of which instant (UTC): one row each, in any order."""

    tutor_ids: NDArray[np.int64]
    as_of: NDArray[np.datetime64]

    @classmethod
    def at(cls, tutor_ids: Sequence[int], as_of: datetime) -> Self:
        """Return the spine of some tutors at one instant."""
        ids = np.asarray(tutor_ids, dtype=np.int64)
        return cls(ids, np.full(len(ids), microseconds(as_of)))

    def __len__(self) -> int:
        return len(self.tutor_ids)

    def rows(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Self:
        """Return some of its rows."""
        return type(self)(self.tutor_ids[which], self.as_of[which])

    def instants(self) -> list[datetime]:
        """Return each row's instant as a datetime in UTC."""
        return [instant.replace(tzinfo=UTC) for instant in self.as_of.tolist()]


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """The features of a spine's rows, in its order and the catalogue's; NaN where a feature has no value."""

    spine: Spine
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.spine)

    def column(self, name: str) -> NDArray[np.float32]:
        """Return one feature of every row."""
        return self.values[:, NAMES.index(name)]


def build(connection: Connection, spine: Spine, *, statement: TextClause | None = None) -> FeatureMatrix:
    """Return the features of a spine, without the rows of tutors who were not yet known at their instant."""
    chosen = queries.load("features", SQL) if statement is None else statement
    with one_plan(connection):
        rows = [row for chunk in _chunks(len(spine)) for row in _read(connection, spine, chunk, chosen)]
    known = np.array([position for position, *_ in rows], dtype=np.intp)
    values = np.array([features for _, *features in rows], dtype=np.float32).reshape(-1, len(NAMES))
    return FeatureMatrix(spine.rows(known), values)


def microseconds(instant: datetime) -> np.datetime64:
    """Return an instant as numpy holds it: UTC, without a zone."""
    return np.datetime64(instant.astimezone(UTC).replace(tzinfo=None), "us")


@lru_cache
def sql_sha256() -> str:
    """Return the SHA-256 of the statement's text."""
    return hashlib.sha256((SQL / "features.sql").read_bytes()).hexdigest()


def feature_version() -> str:
    """Return the name under which vectors are kept: vectors of another version are never mixed with these."""
    return f"{len(NAMES)}.1-{sql_sha256()[:12]}"


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, length, CHUNK))


def _read(
    connection: Connection, spine: Spine, chunk: slice, statement: TextClause
) -> Iterator[tuple[float | None, ...]]:
    part = spine.rows(chunk)
    instants = part.instants()
    rows = connection.execute(
        statement,
        {
            "tutor_ids": part.tutor_ids.tolist(),
            "instants": instants,
            "oldest": min(instants) - LONGEST_WINDOW,
            "newest": max(instants) + FURTHEST_BOOKING,
        },
    )
    return ((chunk.start + position - 1, *features) for position, *features in rows)


@contextmanager
def one_plan(connection: Connection) -> Iterator[None]:
    """Let whatever reads features within the block keep one plan."""
    # Every spine is read best by the indexes on tutor and time, which hold nearly all there is to read. So one plan is
    # made and kept, for one tutor's is made in more time than it runs; and none that reads the tables in another way,
    # however little is known yet of a month just begun.
    names = {"names": list(PLANNER)}
    planned = connection.execute(PLANNED, names).scalars().all()
    connection.execute(PLAN, names | {"settings": list(PLANNER.values())})
    yield
    connection.execute(PLAN, names | {"settings": planned})
