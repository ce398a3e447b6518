"""The features of one tutor by name, for tests that state what they are about."""

from datetime import datetime

from sqlalchemy import Connection

from ml.features.build import Spine, build
from ml.features.catalogue import NAMES
from tests.conftest import NOW


def features_of(connection: Connection, tutor: int, as_of: datetime = NOW) -> dict[str, float]:
    """Return the features of one tutor as of one instant; NaN where there is no value."""
    matrix = build(connection, Spine.at([tutor], as_of))
    assert len(matrix) == 1, f"tutor {tutor} is not known at {as_of}"
    return dict(zip(NAMES, matrix.values[0].tolist(), strict=True))
