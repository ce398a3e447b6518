"""What is held about a tutor comes out whole, and after an erasure nothing of it is left."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select

from ml.features.build import Spine, build
from ml.features.catalogue import NAMES
from ml.features.store import Purpose, store
from ml.skew import name_features
from tests.factories import NOW, add_event, add_feedback, add_organization, add_session, add_tutor
from tests.ml.test_outcomes import predict
from tutormax import personal_data, rollup
from tutormax.jobs import Request
from tutormax.jobs import insert as insert_jobs
from tutormax.tables import audit_log, jobs, metadata, touched_days, tutor_performance_metrics
from tutormax.tutors import UnknownTutorError

ALL = {"churn_predictions", "feature_snapshots", "tutor_performance_metrics", "tutor_events", "student_feedback"}


def known_tutor(connection: Connection, external_id: str) -> int:
    """Add a tutor with a row in every table."""
    organization = add_organization(connection)
    tutor = add_tutor(connection, organization=organization, external_id=external_id, name="Ann Example")
    add_feedback(connection, add_session(connection, tutor))
    add_event(connection, tutor, "login")
    predict(connection, tutor, NOW)
    store(connection, build(connection, Spine.at([tutor], NOW)), Purpose.SERVING)
    connection.execute(
        insert(tutor_performance_metrics).values(
            tutor_id=tutor,
            window_days=30,
            window_end=NOW,
            sessions_scheduled=1,
            sessions_completed=1,
            no_show_count=0,
            green_flags=0,
            red_flags=0,
        )
    )
    rollup.sum_up(connection)
    connection.execute(insert(touched_days).values(tutor_id=tutor, day=NOW.date()))
    insert_jobs(connection, [Request("predict_churn_for_tutor", "prediction", {"tutor_id": tutor, "reason": "a test"})])
    return tutor


def counts(connection: Connection, tutor: int) -> dict[str, int]:
    return {name: len(rows) for name, rows in personal_data.held_about(connection, tutor).items()}


def test_every_table_about_tutors_is_known() -> None:
    about = {table.name for table in metadata.sorted_tables if "tutor_id" in table.c}

    assert about == {table.name for table in personal_data.ABOUT}


def test_after_an_erasure_nothing_is_held_and_nobody_else_lost_anything(connection: Connection) -> None:
    gone, stays = known_tutor(connection, "t-1"), known_tutor(connection, "t-2")
    before = counts(connection, stays)

    erasure = personal_data.erase(connection, gone, who="cli:bob", reason="asked for it")

    assert set(before.values()) == {1}
    assert erasure.rows.keys() == before.keys()
    assert erasure.jobs == 1
    assert set(counts(connection, gone).values()) == {0}
    assert counts(connection, stays) == before
    asked = connection.execute(select(jobs.c.args)).scalars().all()
    assert [args["tutor_id"] for args in asked] == [stays]


def test_that_it_was_done_is_written_down_without_saying_who_it_was(connection: Connection) -> None:
    tutor = known_tutor(connection, "t-1")

    personal_data.erase(connection, tutor, who="cli:bob", reason="asked for it")

    [row] = connection.execute(select(audit_log)).all()
    assert (row.who, row.action, row.subject, row.reason) == (
        "cli:bob",
        "erase tutor",
        f"tutor {tutor}",
        "asked for it",
    )
    assert "Ann" not in str(row)
    assert "t-1" not in str(row)


def test_nobody_is_erased_twice(connection: Connection) -> None:
    tutor = known_tutor(connection, "t-1")
    personal_data.erase(connection, tutor, who="cli:bob", reason="asked for it")

    with pytest.raises(UnknownTutorError):
        personal_data.erase(connection, tutor, who="cli:bob", reason="asked for it")


def test_the_export_holds_facts_scores_with_reasons_and_features_by_name(connection: Connection) -> None:
    tutor = known_tutor(connection, "t-1")
    name_features(connection)

    held = personal_data.held_about(connection, tutor)

    assert held["tutors"][0]["name"] == "Ann Example"
    assert held["churn_predictions"][0]["reasons"] == {}
    assert held["sessions"][0]["ended_at"] <= NOW + timedelta(hours=1)
    features = held["feature_snapshots"][0]["features"]
    assert tuple(features) == NAMES
    assert features["sessions_7d"] == 1
    assert held.keys() > ALL


def test_features_without_known_names_come_as_they_are(connection: Connection) -> None:
    held = personal_data.held_about(connection, known_tutor(connection, "t-1"))

    assert len(held["feature_snapshots"][0]["features"]) == len(NAMES)
