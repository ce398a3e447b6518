"""Scores of tutors: four probabilities that agree, a level, reasons, and the features they were made of."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select

from ml.features.catalogue import NAMES
from ml.scoring import ScoringSummary, score
from ml.serving import Shelf
from tests.conftest import NOW
from tests.factories import add_organization, add_session, add_tutor
from tests.ml.registered import add_model
from tutormax import db, metrics
from tutormax.tables import churn_predictions, feature_snapshots

DAY = timedelta(days=1)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def scored(connection: Connection, shelf: Shelf, *tutors: int, threshold: float = 0.5) -> ScoringSummary:
    return score(connection, shelf, tutors, NOW, trigger="test", threshold=threshold)


def predictions(connection: Connection) -> list[Row[Any]]:
    columns = [column for column in churn_predictions.c if column.name != "scored_at"]
    return list(connection.execute(select(*columns).order_by(churn_predictions.c.tutor_id)).all())


def add_synthetic_tutor(connection: Connection) -> int:
    return add_tutor(connection, organization=add_organization(connection, synthetic=True))


def test_a_tutor_is_scored_by_the_model_of_the_population(connection: Connection, shelf: Shelf) -> None:
    champion = add_model(connection, shelf.root)
    tutor = add_synthetic_tutor(connection)
    add_session(connection, tutor)

    summary = scored(connection, shelf, tutor)

    [row] = predictions(connection)
    assert (row.tutor_id, row.as_of, row.model_id, row.trigger) == (tutor, NOW, champion.model_id, "test")
    assert row.p1 <= row.p7 <= row.p30 <= row.p90
    assert summary.models == {champion.model_id: 1}
    assert summary.levels == {row.risk_level: 1}


def substituted() -> float:
    """Return how many scores of invented tutors this process has counted as a substitute's."""
    return float(metrics.PREDICTIONS_SUBSTITUTED.labels("synthetic")._value.get())  # noqa: SLF001 - its only reader


def test_scores_of_a_substitute_name_it_and_are_counted(connection: Connection, shelf: Shelf) -> None:
    broken = add_model(connection, shelf.root)
    (shelf.root / broken.model_id / "churn_30d.ubj").write_bytes(b"")
    before = substituted()

    summary = scored(connection, shelf, add_synthetic_tutor(connection), add_synthetic_tutor(connection))

    db.committed(connection)
    assert {row.model_id for row in predictions(connection)} == {"rule"}
    assert summary.models == {"rule": 2}
    assert substituted() == before + 2


def test_real_tutors_are_never_scored_by_a_model_of_invented_ones(connection: Connection, shelf: Shelf) -> None:
    add_model(connection, shelf.root)
    real, invented = add_tutor(connection), add_synthetic_tutor(connection)

    scored(connection, shelf, real, invented)

    assert [row.model_id == "rule" for row in predictions(connection)] == [True, False]


def test_a_customers_tutor_who_fell_silent_is_scored_by_the_rule_with_plain_reasons(
    connection: Connection, shelf: Shelf
) -> None:
    tutor = add_tutor(connection)
    for days in range(9, 60):
        add_session(connection, tutor, scheduled_start=NOW - days * DAY)

    scored(connection, shelf, tutor)

    [row] = predictions(connection)
    assert (row.model_id, row.risk_level, row.churn_predicted) == ("rule", "critical", True)
    assert "Last taught 9 days ago" in [factor["text"] for factor in row.reasons["factors"]]


def test_reasons_are_kept_with_the_score_and_add_up(connection: Connection, shelf: Shelf) -> None:
    add_model(connection, shelf.root)

    scored(connection, shelf, add_synthetic_tutor(connection))

    [row] = predictions(connection)
    reasons = row.reasons
    assert reasons["bias"] + sum(reasons["groups"].values()) == pytest.approx(reasons["margin"])
    assert len(reasons["groups"]) == 7
    assert reasons["factors"][0].keys() == {"feature", "group", "value", "unit", "phi", "odds_factor", "text"}
    signs = [factor["phi"] > 0 for factor in reasons["factors"]]
    assert signs == sorted(signs, reverse=True)


def test_scoring_again_leaves_what_scoring_once_leaves(connection: Connection, shelf: Shelf) -> None:
    add_model(connection, shelf.root)
    tutors = [add_synthetic_tutor(connection), add_tutor(connection)]
    scored(connection, shelf, *tutors)
    once = predictions(connection)

    scored(connection, shelf, *tutors)

    assert predictions(connection) == once


def test_one_tutor_alone_is_scored_as_among_others(connection: Connection, shelf: Shelf) -> None:
    add_model(connection, shelf.root)
    tutors = [add_synthetic_tutor(connection) for _ in range(5)]
    for tutor in tutors[::2]:
        add_session(connection, tutor)
    scored(connection, shelf, *tutors)
    together = predictions(connection)

    for tutor in reversed(tutors):
        scored(connection, shelf, tutor)

    assert predictions(connection) == together


def test_the_features_behind_a_score_are_kept(connection: Connection, shelf: Shelf) -> None:
    tutor = add_tutor(connection)

    scored(connection, shelf, tutor)

    row = connection.execute(select(feature_snapshots).where(feature_snapshots.c.tutor_id == tutor)).one()
    assert (row.as_of, row.purpose, len(row.features)) == (NOW, "serving", 58)


def test_the_threshold_decides_what_counts_as_predicted(connection: Connection, shelf: Shelf) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor)
    scored(connection, shelf, tutor)
    [row] = predictions(connection)

    scored(connection, shelf, tutor, threshold=row.p30 / 2)
    [again] = predictions(connection)

    assert (row.p30 > 0.5, row.churn_predicted) == (False, False)
    assert again.churn_predicted


def test_a_tutor_who_joined_a_minute_ago_gets_a_score_that_says_so(connection: Connection, shelf: Shelf) -> None:
    add_model(connection, shelf.root)
    organization = add_organization(connection, synthetic=True)
    tutor = add_tutor(
        connection,
        organization=organization,
        joined_at=NOW - timedelta(minutes=1),
        subjects=None,
        baseline_sessions_per_week=None,
    )

    scored(connection, shelf, tutor)

    [row] = predictions(connection)
    assert 0 <= row.churn_score <= 100
    assert all(factor["text"] for factor in row.reasons["factors"])


def test_a_tutor_not_yet_known_is_not_scored(connection: Connection, shelf: Shelf) -> None:
    tomorrow = add_tutor(connection, joined_at=NOW + DAY)

    assert scored(connection, shelf, tomorrow).tutors == 0
    assert predictions(connection) == []


def test_nobody_to_score_is_no_error(connection: Connection, shelf: Shelf) -> None:
    assert scored(connection, shelf) == ScoringSummary(0, {}, {}, 0)


def test_who_is_scored_again_as_of_an_instant_keeps_the_features_of_the_later_score(
    connection: Connection, shelf: Shelf
) -> None:
    tutor = add_tutor(connection)
    scored(connection, shelf, tutor)
    add_session(connection, tutor, scheduled_start=NOW - 2 * DAY)

    scored(connection, shelf, tutor)

    [row] = predictions(connection)
    [kept] = connection.execute(select(feature_snapshots.c.features)).scalars()
    said = {factor["feature"]: factor["value"] for factor in row.reasons["factors"]}
    assert said["days_since_last_session"] == kept[NAMES.index("days_since_last_session")] == 2.0
