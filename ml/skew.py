"""Whether what was served can be had again: the same features, computed later from the same facts, to the bit."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from ml.features.build import FeatureMatrix, Spine, build, feature_version, microseconds
from ml.features.catalogue import NAMES
from tutormax import queries
from tutormax.tables import feature_names, feature_skew

SQL = Path(__file__).parent / "sql"
SAMPLE = 200
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Skew:
    """How many served vectors were computed again, could not be, or came out otherwise."""

    vectors: int
    missing: int
    different: int


def keep_skew(connection: Connection, until: datetime) -> Skew:
    """Compute some vectors served within a day again, as of the instant of each, and keep what differs."""
    asked = {"after": until - DAY, "until": until, "feature_version": feature_version(), "most": SAMPLE}
    rows = connection.execute(queries.load("sample_served", SQL), asked).all()
    keys = [(row.tutor_id, microseconds(row.as_of)) for row in rows]
    spine = Spine(
        np.array([tutor for tutor, _ in keys], dtype=np.int64), np.array([at for _, at in keys], dtype="datetime64[us]")
    )
    again = _by_key(build(connection, spine))
    wrong = dict.fromkeys(NAMES, 0)
    different = 0
    for key, row in zip(keys, rows, strict=True):
        if key not in again:
            continue
        served = np.array(row.features, dtype=np.float32)
        unequal = ~((served.view(np.uint32) == again[key].view(np.uint32)) | (np.isnan(served) & np.isnan(again[key])))
        different += bool(unequal.any())
        for position in np.flatnonzero(unequal):
            wrong[NAMES[position]] += 1
    skew = Skew(len(rows), len(rows) - len(again), different)
    _keep(connection, until, skew, {name: count for name, count in wrong.items() if count})
    return skew


def name_features(connection: Connection) -> None:
    """Keep what the numbers of today's vectors are called, for whoever reads them without this code."""
    values = {"feature_version": feature_version(), "names": list(NAMES)}
    connection.execute(insert(feature_names).values(values).on_conflict_do_nothing())


def _by_key(matrix: FeatureMatrix) -> dict[tuple[int, np.datetime64], np.ndarray[tuple[int], np.dtype[np.float32]]]:
    keys = zip(matrix.spine.tutor_ids.tolist(), matrix.spine.as_of, strict=True)
    return dict(zip(keys, matrix.values, strict=True))


def _keep(connection: Connection, at: datetime, skew: Skew, features: dict[str, int]) -> None:
    found = {
        "feature_version": feature_version(),
        "vectors": skew.vectors,
        "missing": skew.missing,
        "different": skew.different,
        "features": features,
    }
    statement = insert(feature_skew).values(measured_at=at, **found)
    connection.execute(statement.on_conflict_do_update(index_elements=["measured_at"], set_=found))
