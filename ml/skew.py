"""Whether what was served can be had again: the same features, computed later from the same facts, to the bit.

And what they would have been had every fact been known as soon as it happened: how much lateness costs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.dialects.postgresql import insert

from ml.features.build import SQL as FEATURES_SQL
from ml.features.build import FeatureMatrix, Spine, build, feature_version, microseconds
from ml.features.catalogue import NAMES
from tutormax import queries
from tutormax.tables import feature_names, feature_skew

SQL = Path(__file__).parent / "sql"
SAMPLE = 200
# A booking counts from when it was made: that is when it happened.
REACHED_US = (
    "sessions.outcome_known_at <= known.as_of",
    "student_feedback.ingested_at <= known.as_of",
    "tutor_events.ingested_at <= known.as_of",
)

Vector = NDArray[np.float32]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Skew:
    """How many served vectors were computed again, could not be, or came out otherwise.

    Late are those that would have been others, had every fact been known at once.
    """

    vectors: int
    missing: int
    different: int
    late: int = 0


def keep_skew(connection: Connection, until: datetime) -> Skew:
    """Compute some vectors served within a day again, as of the instant of each, and keep what differs."""
    asked = {"after": until - DAY, "until": until, "feature_version": feature_version(), "most": SAMPLE}
    rows = connection.execute(queries.load("sample_served", SQL), asked).all()
    keys = [(row.tutor_id, microseconds(row.as_of)) for row in rows]
    spine = Spine(
        np.array([tutor for tutor, _ in keys], dtype=np.int64), np.array([at for _, at in keys], dtype="datetime64[us]")
    )
    again, at_once = _by_key(build(connection, spine)), _by_key(build(connection, spine, statement=known_at_once()))
    wrong = dict.fromkeys(NAMES, 0)
    different = late = 0
    for key, row in zip(keys, rows, strict=True):
        if key not in again:
            continue
        unequal = _unequal(np.array(row.features, dtype=np.float32), again[key])
        different += bool(unequal.any())
        late += bool(_unequal(again[key], at_once[key]).any())
        for position in np.flatnonzero(unequal):
            wrong[NAMES[position]] += 1
    skew = Skew(len(rows), len(rows) - len(again), different, late)
    _keep(connection, until, skew, {name: count for name, count in wrong.items() if count})
    return skew


@lru_cache
def known_at_once() -> TextClause:
    """Return the statement of the features without the rule that facts count from when they reached us."""
    statement = (FEATURES_SQL / "features.sql").read_text(encoding="utf-8")
    for clause in REACHED_US:
        if clause not in statement:
            raise LookupError(f"features.sql does not say {clause!r}")
        statement = statement.replace(clause, "true")
    return text(statement)


def name_features(connection: Connection) -> None:
    """Keep what the numbers of today's vectors are called, for whoever reads them without this code."""
    values = {"feature_version": feature_version(), "names": list(NAMES)}
    connection.execute(insert(feature_names).values(values).on_conflict_do_nothing())


def _unequal(left: Vector, right: Vector) -> NDArray[np.bool_]:
    same = (left.view(np.uint32) == right.view(np.uint32)) | (np.isnan(left) & np.isnan(right))
    return np.asarray(~same)


def _by_key(matrix: FeatureMatrix) -> dict[tuple[int, np.datetime64], Vector]:
    keys = zip(matrix.spine.tutor_ids.tolist(), matrix.spine.as_of, strict=True)
    return dict(zip(keys, matrix.values, strict=True))


def _keep(connection: Connection, at: datetime, skew: Skew, features: dict[str, int]) -> None:
    found = {
        "feature_version": feature_version(),
        "vectors": skew.vectors,
        "missing": skew.missing,
        "different": skew.different,
        "late": skew.late,
        "features": features,
    }
    statement = insert(feature_skew).values(measured_at=at, **found)
    connection.execute(statement.on_conflict_do_update(index_elements=["measured_at"], set_=found))
