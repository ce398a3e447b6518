"""What is told of drift and of outcomes is what was measured last."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert

from tests.exporter.test_families import Exported, rows
from tests.factories import NOW
from tutormax.exporter import families
from tutormax.exporter.stores import MOST_FEATURES
from tutormax.tables import models, prediction_cohorts, prediction_drift

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def add_model(connection: Connection, model_id: str, status: str) -> None:
    connection.execute(
        insert(models).values(
            model_id=model_id,
            population=model_id.partition("/")[0],
            status=status,
            feature_version="1",
            manifest_sha256="0" * 64,
            as_of=NOW,
            trained_at=NOW,
        )
    )


def add_drift(connection: Connection, model_id: str, *, days_ago: int = 0, moved: Mapping[str, float]) -> None:
    common = {"model_id": model_id, "measured_at": datetime.now(UTC) - days_ago * DAY, "tutors": 1500}
    connection.execute(
        insert(prediction_drift), [{**common, "subject": name, "psi": psi} for name, psi in moved.items()]
    )


def drift(connection: Connection) -> Exported:
    return Exported(families.of_drift(rows(connection, "drift", most=MOST_FEATURES)))


def test_the_newest_measurement_is_told_though_another_model_has_taken_over_since(connection: Connection) -> None:
    add_model(connection, "customer/20260614_020000", "retired")
    add_model(connection, "customer/20260615_020000", "champion")
    add_drift(connection, "customer/20260614_020000", days_ago=1, moved={"score": 0.9, "rating_30d": 0.9})
    add_drift(connection, "customer/20260614_020000", moved={"score": 0.12, "rating_30d": 0.31})

    exported = drift(connection)

    assert exported("tutormax_model_score_psi", model="customer") == 0.12
    assert exported("tutormax_model_feature_psi", model="customer", feature="rating_30d") == 0.31
    assert exported("tutormax_model_feature_psi", model="customer", feature="score") is None


def test_a_measurement_that_no_night_has_followed_is_told_no_more(connection: Connection) -> None:
    add_model(connection, "customer/20260615_020000", "champion")
    add_model(connection, "synthetic/20260615_020000", "champion")
    add_drift(connection, "customer/20260615_020000", days_ago=2, moved={"score": 0.9, "rating_30d": 0.9})
    add_drift(connection, "synthetic/20260615_020000", days_ago=1, moved={"score": 0.2})

    exported = drift(connection)

    assert exported("tutormax_model_score_psi", model="customer") is None
    assert exported("tutormax_model_feature_psi", model="customer", feature="rating_30d") is None
    assert exported("tutormax_model_score_psi", model="synthetic") == 0.2


def test_of_many_features_those_that_moved_furthest_are_told_and_the_score_always(connection: Connection) -> None:
    add_model(connection, "customer/20260615_020000", "champion")
    features = {f"feature_{number}": number / 100 for number in range(MOST_FEATURES + 3)}
    add_drift(connection, "customer/20260615_020000", moved={"score": 0.001, **features})

    exported = drift(connection)

    told = {name for name in features if exported("tutormax_model_feature_psi", model="customer", feature=name)}
    assert told == set(features) - {"feature_0", "feature_1", "feature_2"}
    assert exported("tutormax_model_score_psi", model="customer") == 0.001


def test_of_outcomes_the_newest_whole_week_of_the_model_is_told(connection: Connection) -> None:
    for cohort in (
        _cohort(weeks_ago=9, auc=0.7),
        _cohort(weeks_ago=8, auc=0.86),
        _cohort(weeks_ago=7, auc=0.6, scorer="rule"),
        _cohort(weeks_ago=4, auc=0.99, complete=False),
    ):
        connection.execute(insert(prediction_cohorts).values(cohort))

    exported = Exported(families.of_models([], rows(connection, "outcomes")))

    assert exported("tutormax_model_auc_ratio", model="customer", dataset="live") == 0.86


def _cohort(*, weeks_ago: int, auc: float, scorer: str = "model", complete: bool = True) -> dict[str, object]:
    return {
        "population": "customer",
        "scorer": scorer,
        "week": NOW - weeks_ago * WEEK,
        "horizon_days": 30,
        "tutors": 900,
        "expected": 0.1,
        "actual": 0.1,
        "auc": auc,
        "log_loss": 0.3,
        "calibration_error": 0.01,
        "complete": complete,
        "measured_at": NOW,
    }
