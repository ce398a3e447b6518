"""Feature vectors kept: each served one as evidence, each training one so that no night computes it again."""

from enum import StrEnum

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection

from ml.features.build import SQL, FeatureMatrix, Spine, feature_version
from ml.features.catalogue import NAMES
from tutormax import queries

_BRACES = bytes.maketrans(b"[]", b"{}")


class Purpose(StrEnum):
    """Why a vector is kept."""

    SERVING = "serving"
    TRAINING = "training"


def store(connection: Connection, matrix: FeatureMatrix, purpose: Purpose) -> int:
    """Keep the vectors of a matrix; return how many were new. The first one stays, of those served the last."""
    result = connection.execute(
        queries.load("store_snapshots", SQL),
        _keys(matrix.spine) | {"features": _literals(matrix.values), "purpose": purpose.value},
    )
    return result.rowcount


def stored(connection: Connection, spine: Spine) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of a spine whose training vectors are kept in today's version, and these vectors."""
    # What was known at a past instant does not change; who says otherwise forgets what was computed (see hindsight).
    rows = connection.execute(queries.load("stored_snapshots", SQL), _keys(spine)).all()
    found = np.array([position - 1 for position, _ in rows], dtype=np.intp)
    return found, np.array([features for _, features in rows], dtype=np.float32).reshape(-1, len(NAMES))


def _keys(spine: Spine) -> dict[str, object]:
    return {
        "tutor_ids": spine.tutor_ids.tolist(),
        "instants": spine.instants(),
        "feature_version": feature_version(),
    }


def _literals(values: NDArray[np.float32]) -> str:
    # A line for each row: the shortest digits that name each float exactly, and null for NaN, as arrays are written.
    rows = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    return rows.replace(b"],[", b"]\n[").translate(_BRACES).decode()
