"""Monitoring: served features come out the same again, and drift is measured against the model that scored."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from sqlalchemy import Connection, insert, select, text, update

from ml import artefact, drift, monitoring, skew
from ml.features.build import FeatureMatrix, Spine, build, feature_version
from ml.features.catalogue import NAMES
from ml.features.store import Purpose, store
from ml.serving import Shelf
from tests.factories import NOW, add_feedback, add_organization, add_session, add_tutor
from tests.ml.conftest import Marketplace
from tests.ml.invented import invent
from tests.ml.test_outcomes import predict
from tests.ml.trained import AT, FACTS, files
from tutormax.populations import Population
from tutormax.tables import feature_names, feature_skew, feature_snapshots, models, prediction_drift, sessions

HOUR = timedelta(hours=1)
MODEL = "synthetic/20260615_020000"


def test_served_features_come_out_the_same_again(marketplace: Marketplace) -> None:
    connection = marketplace.connection
    store(connection, build(connection, Spine.at(marketplace.tutors, NOW - HOUR)), Purpose.SERVING)

    # At an instant of its own: this transaction stays open beside those of the other tests.
    found = skew.keep_skew(connection, NOW - timedelta(minutes=1))

    assert (found.vectors > 20, found.missing, found.different) == (True, 0, 0)


def test_a_fact_that_was_changed_behind_our_back_is_seen_with_the_feature(connection: Connection) -> None:
    ids = [add_tutor(connection) for _ in range(3)]
    for tutor in ids:
        add_session(connection, tutor, scheduled_start=NOW - 30 * HOUR)
    store(connection, build(connection, Spine.at(ids, NOW - HOUR)), Purpose.SERVING)
    changed = update(sessions).where(sessions.c.tutor_id == ids[0]).values(engagement_score=0.1)
    connection.execute(changed)

    found = skew.keep_skew(connection, NOW)

    [row] = connection.execute(select(feature_skew)).all()
    assert (found.vectors, found.missing, found.different) == (3, 0, 1)
    assert row.features["engagement_avg_14d"] == 1
    assert "sessions_7d" not in row.features


def test_a_vector_that_lacked_what_arrived_later_is_late_and_not_different(connection: Connection) -> None:
    ids = [add_tutor(connection) for _ in range(3)]
    session = add_session(connection, ids[0], scheduled_start=NOW - 30 * HOUR)
    for tutor in ids[1:]:
        add_session(connection, tutor, scheduled_start=NOW - 30 * HOUR)
    add_feedback(connection, session, rating=1, submitted_at=NOW - 20 * HOUR, ingested_at=NOW - HOUR / 2)
    store(connection, build(connection, Spine.at(ids, NOW - HOUR)), Purpose.SERVING)

    found = skew.keep_skew(connection, NOW)

    assert (found.vectors, found.different, found.late) == (3, 0, 1)
    assert connection.execute(select(feature_skew.c.late)).scalar_one() == 1


def test_yesterdays_and_training_vectors_are_not_sampled(connection: Connection) -> None:
    tutor = add_tutor(connection)
    store(connection, build(connection, Spine.at([tutor], NOW - 25 * HOUR)), Purpose.SERVING)
    store(connection, build(connection, Spine.at([tutor], NOW - HOUR)), Purpose.TRAINING)

    assert skew.keep_skew(connection, NOW).vectors == 0


def test_the_numbers_are_named_for_who_reads_them_without_the_code(connection: Connection) -> None:
    skew.name_features(connection)
    skew.name_features(connection)

    [row] = connection.execute(select(feature_names)).all()
    assert (row.feature_version, row.names) == (feature_version(), list(NAMES))


@pytest.fixture
def shelf(connection: Connection, tmp_path: Path) -> Shelf:
    """A shelf with one model whose reference are 400 invented rows."""
    shelf = Shelf(tmp_path)
    world = invent(tutors=100, weeks=4)
    reference = drift.reference(world.values, world.truth[30])
    bins = {name: {"edges": list(each.edges), "counts": list(each.counts)} for name, each in reference.items()}
    made = artefact.publish(
        shelf.directory(Population.SYNTHETIC), AT, files() | {drift.FILE: orjson.dumps(bins)}, FACTS
    )
    row = {
        "model_id": f"synthetic/{made.version}",
        "population": "synthetic",
        "status": "retired",
        "feature_version": feature_version(),
        "manifest_sha256": made.manifest_sha256,
        "as_of": AT,
        "trained_at": AT,
    }
    connection.execute(insert(models).values(row))
    return shelf


def serve(connection: Connection, factor: float, tutors_scored: int = 300) -> None:
    """Serve invented rows whose logins are multiplied."""
    world = invent(tutors=100, weeks=4, seed=1)
    organization = add_organization(connection, synthetic=True)
    ids = [add_tutor(connection, organization=organization) for _ in range(tutors_scored)]
    values = world.values[:tutors_scored].copy()
    values[:, NAMES.index("logins_7d")] *= factor
    store(connection, FeatureMatrix(Spine.at(ids, NOW - HOUR), values), Purpose.SERVING)
    for tutor, p30 in zip(ids, world.truth[30], strict=False):
        predict(connection, tutor, NOW - HOUR, p30=float(p30), model_id=MODEL)


def test_drift_is_measured_against_the_model_that_scored(connection: Connection, shelf: Shelf) -> None:
    serve(connection, factor=0.3)

    found = monitoring.keep_drift(connection, shelf, NOW)
    monitoring.keep_drift(connection, shelf, NOW)

    rows = {row.subject: row for row in connection.execute(select(prediction_drift))}
    assert rows.keys() == set(drift.SUBJECTS)
    assert found == {MODEL: rows["score"].psi}
    assert rows["logins_7d"].psi > drift.MOVED_FAR > drift.MOVED > rows["upcoming_sessions_7d"].psi
    assert rows["score"].tutors == 300


def test_of_few_tutors_no_drift_is_told(connection: Connection, shelf: Shelf) -> None:
    serve(connection, factor=0.3, tutors_scored=50)

    assert monitoring.keep_drift(connection, shelf, NOW) == {}


def test_a_model_whose_files_are_gone_is_passed_over(connection: Connection, shelf: Shelf) -> None:
    serve(connection, factor=1)
    (shelf.directory(Population.SYNTHETIC) / MODEL.partition("/")[2] / "churn_30d.ubj").unlink()

    assert monitoring.keep_drift(connection, shelf, NOW) == {}


def test_an_empty_marketplace_has_nothing_to_monitor(connection: Connection, tmp_path: Path) -> None:
    connection.execute(text("delete from feature_snapshots"))

    summary = monitoring.monitor(connection, Shelf(tmp_path), NOW)

    assert (summary.outcomes, summary.cohorts, summary.off, summary.score_drift) == (0, 0, [], {})
    assert summary.skew.vectors == 0
    assert connection.execute(select(feature_snapshots)).all() == []


def test_infinite_numbers_are_counted_as_missing() -> None:
    values = np.full((300, len(NAMES)), np.inf, dtype=np.float32)
    scores = np.linspace(0, 1, 300)

    indices = drift.indices(drift.reference(values, scores), values, scores)

    assert set(indices.values()) == {0.0}
