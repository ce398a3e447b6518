"""One tutor, a batch and the training spine get the same bits, whoever asks and whatever the plan."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, text

from ml.features import build as builder
from ml.features.build import FeatureMatrix, Spine, build, microseconds
from tests.conftest import NOW
from tests.ml.conftest import Marketplace

# Over the changes to and from daylight saving of New York and Auckland.
INSTANTS = [NOW - timedelta(days=7 * week, hours=5 * week, microseconds=week) for week in range(12)]


def bits(matrix: FeatureMatrix) -> list[bytes]:
    """Return each row's bytes: NaN equals NaN, and 0.0 differs from -0.0."""
    return [row.tobytes() for row in matrix.values]


def whole(marketplace: Marketplace) -> Spine:
    instants = np.array([microseconds(instant) for instant in INSTANTS])
    return Spine(np.tile(marketplace.tutors, len(instants)), np.repeat(instants, len(marketplace.tutors)))


@pytest.fixture(scope="module")
def training(marketplace: Marketplace) -> FeatureMatrix:
    """Every tutor at twelve instants, in one go."""
    return build(marketplace.connection, whole(marketplace))


def test_a_batch_has_the_bits_of_the_training_rows(marketplace: Marketplace, training: FeatureMatrix) -> None:
    batches = [build(marketplace.connection, Spine.at(marketplace.tutors, instant)) for instant in INSTANTS]

    assert [row for batch in batches for row in bits(batch)] == bits(training)


def test_one_tutor_has_the_bits_of_the_batch(marketplace: Marketplace) -> None:
    batch = build(marketplace.connection, Spine.at(marketplace.tutors, NOW))

    alone = [build(marketplace.connection, batch.spine.rows(slice(row, row + 1))) for row in range(len(batch))]

    assert [row for one in alone for row in bits(one)] == bits(batch)


def test_the_order_of_the_spine_only_orders_the_rows(marketplace: Marketplace, training: FeatureMatrix) -> None:
    order = np.random.default_rng(3).permutation(len(training))

    shuffled = build(marketplace.connection, training.spine.rows(order))

    assert bits(shuffled) == [bits(training)[row] for row in order]


def test_chunks_change_nothing(
    marketplace: Marketplace, training: FeatureMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "CHUNK", 37)

    assert bits(build(marketplace.connection, whole(marketplace))) == bits(training)


@pytest.mark.parametrize(
    "setting",
    [
        "timezone = 'Pacific/Auckland'",
        "timezone = 'America/New_York'",
        "datestyle = 'German, DMY'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = 3",
        "search_path = 'elsewhere', 'public'",
        "enable_indexscan = off",
        "enable_bitmapscan = off; set local enable_indexscan = off; set local enable_indexonlyscan = off",
        "enable_partition_pruning = off",
        "work_mem = '64kB'",
    ],
)
def test_the_sessions_settings_change_nothing(marketplace: Marketplace, training: FeatureMatrix, setting: str) -> None:
    some = training.spine.rows(slice(0, None, 5))

    with marketplace.connection.begin_nested() as savepoint:
        elsewhere(marketplace.connection)
        marketplace.connection.exec_driver_sql(f"set local {setting}")
        marketplace.connection.exec_driver_sql("discard plans")
        found = build(marketplace.connection, some)
        savepoint.rollback()

    assert bits(found) == bits(training)[::5]


def elsewhere(connection: Connection) -> None:
    # A schema before ours in the path, with a name in it that the statement uses.
    connection.execute(text("create schema elsewhere"))
    connection.execute(text("create function elsewhere.date_part(text, interval) returns float return 0"))
