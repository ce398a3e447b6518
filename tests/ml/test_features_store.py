"""Vectors are kept under tutor, instant and version, and come back to the bit."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, select, text

from ml.features import store
from ml.features.build import FeatureMatrix, Spine, build, feature_version
from ml.features.catalogue import NAMES
from ml.features.store import Purpose
from tests.conftest import NOW
from tests.factories import add_session, add_tutor
from tutormax.tables import feature_snapshots, tutors


def matrix_of(connection: Connection, count: int = 3) -> FeatureMatrix:
    ids = [add_tutor(connection) for _ in range(count)]
    for tutor in ids:
        add_session(connection, tutor, engagement_score=0.1 + tutor % 7 / 10)
    return build(connection, Spine.at(ids, NOW))


def test_training_vectors_come_back_to_the_bit(connection: Connection) -> None:
    matrix = matrix_of(connection)
    store.store(connection, matrix, Purpose.TRAINING)

    found, vectors = store.stored(connection, matrix.spine)

    assert found.tolist() == [0, 1, 2]
    assert vectors.tobytes() == matrix.values.tobytes()


def test_every_float_comes_back_to_the_bit(connection: Connection) -> None:
    bits = np.random.default_rng(5).integers(0, 2**32, size=(200, len(NAMES)), dtype=np.uint32)
    values = bits.view(np.float32)
    values[~np.isfinite(values)] = np.nan
    spine = Spine.at([add_tutor(connection) for _ in range(200)], NOW)
    store.store(connection, FeatureMatrix(spine, values), Purpose.TRAINING)

    _, vectors = store.stored(connection, spine)

    np.testing.assert_array_equal(vectors, values)


def test_a_missing_value_is_kept_as_null(connection: Connection) -> None:
    matrix = matrix_of(connection, 1)
    store.store(connection, matrix, Purpose.SERVING)

    (kept,) = connection.execute(select(feature_snapshots)).all()

    assert kept.purpose == "serving"
    assert kept.feature_version == feature_version()
    assert [value is None for value in kept.features] == np.isnan(matrix.values[0]).tolist()


@pytest.mark.parametrize("later", list(Purpose))
def test_the_first_vector_that_training_kept_stays(connection: Connection, later: Purpose) -> None:
    matrix = matrix_of(connection)
    other = FeatureMatrix(matrix.spine, matrix.values + 1)

    assert store.store(connection, matrix, Purpose.TRAINING) == 3
    assert store.store(connection, other, later) == 0

    assert store.stored(connection, matrix.spine)[1].tobytes() == matrix.values.tobytes()


def test_only_asked_for_rows_come_back_at_their_place(connection: Connection) -> None:
    matrix = matrix_of(connection)
    store.store(connection, matrix, Purpose.TRAINING)
    unknown = Spine.at([int(matrix.spine.tutor_ids[0])], NOW + timedelta(days=1))
    ids = np.array([*unknown.tutor_ids, *matrix.spine.tutor_ids[::-1]])
    asked = Spine(ids, np.array([*unknown.as_of, *matrix.spine.as_of]))

    found, vectors = store.stored(connection, asked)

    assert found.tolist() == [1, 2, 3]
    assert vectors.tobytes() == np.ascontiguousarray(matrix.values[::-1]).tobytes()


def test_served_vectors_and_other_versions_do_not_train(connection: Connection) -> None:
    matrix = matrix_of(connection)
    store.store(connection, matrix, Purpose.SERVING)
    assert len(store.stored(connection, matrix.spine)[0]) == 0

    connection.execute(text("update feature_snapshots set purpose = 'training', feature_version = '57'"))
    assert len(store.stored(connection, matrix.spine)[0]) == 0


def test_nothing_to_keep_keeps_nothing(connection: Connection) -> None:
    assert store.store(connection, build(connection, Spine.at([], NOW)), Purpose.TRAINING) == 0


def test_erasing_a_tutor_erases_the_vectors(connection: Connection) -> None:
    tutor = add_tutor(connection)
    store.store(connection, build(connection, Spine.at([tutor], NOW)), Purpose.SERVING)

    connection.execute(tutors.delete().where(tutors.c.tutor_id == tutor))

    assert connection.execute(select(feature_snapshots)).all() == []
