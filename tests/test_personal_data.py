"""What is held about a tutor comes out whole, and after an erasure nothing of it is left."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, insert, select, text

from ml.features.build import Spine, build
from ml.features.catalogue import NAMES
from ml.features.store import Purpose, store
from ml.skew import name_features
from tests.factories import NOW, add_event, add_feedback, add_organization, add_session, add_tutor
from tests.faults.harness import eventually
from tests.ml.test_outcomes import predict
from tutormax import db, personal_data, rollup
from tutormax.evaluation import evaluate_single_tutor, evaluate_tutors
from tutormax.generation import organizations as generated
from tutormax.ingest import organization as ingested
from tutormax.jobs import Request
from tutormax.jobs import insert as insert_jobs
from tutormax.tables import (
    audit_log,
    jobs,
    metadata,
    touched_days,
    tutor_performance_metrics,
    tutor_windows,
    tutors,
)
from tutormax.tutors import UnknownTutorError
from tutormax.windows import Window

WAITING = "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
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
    sums = {column.name: 1 for column in tutor_windows.columns}
    connection.execute(insert(tutor_windows).values(sums | {"tutor_id": tutor, "ends_on": NOW.date()}))
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


def erased(tutor: int) -> personal_data.Erasure:
    with db.transaction() as connection:
        return personal_data.erase(connection, tutor, who="cli:bob", reason="asked for it")


def somebody_waits() -> bool:
    with db.transaction() as connection:
        return bool(connection.execute(text(WAITING)).scalar_one())


@pytest.mark.parametrize("synthetic", [False, True], ids=["an ingest", "the generation"])
@pytest.mark.usefixtures("database")
def test_what_is_being_written_while_a_tutor_is_erased_goes_too(synthetic: bool) -> None:
    hold = generated.synthetic if synthetic else ingested.hold
    with db.transaction() as connection:
        organization = add_organization(connection, name="Acme", synthetic=synthetic)
        tutor = add_tutor(connection, organization=organization)

    with ThreadPoolExecutor(1) as other, db.transaction() as connection:
        hold(connection, "Acme")
        add_feedback(connection, add_session(connection, tutor))
        add_event(connection, tutor, "login")
        erasure = other.submit(erased, tutor)
        eventually(lambda: erasure.done() or somebody_waits())
        connection.commit()
        rows = erasure.result(10).rows

    assert (rows["sessions"], rows["student_feedback"], rows["tutor_events"]) == (1, 1, 1)
    with db.transaction() as connection:
        assert set(counts(connection, tutor).values()) == {0}


@pytest.mark.usefixtures("database")
def test_an_erasure_waits_for_longer_than_a_statement_may_take() -> None:
    with db.transaction() as connection:
        tutor = add_tutor(connection, organization=add_organization(connection, name="Acme"))

    def erased_in_a_hurry() -> personal_data.Erasure:
        with db.transaction() as connection:
            connection.execute(text("set local statement_timeout = '100ms'"))
            return personal_data.erase(connection, tutor, who="cli:bob", reason="asked for it")

    with ThreadPoolExecutor(1) as other, db.transaction() as connection:
        ingested.hold(connection, "Acme")
        erasure = other.submit(erased_in_a_hurry)
        eventually(somebody_waits)
        wait([erasure], timeout=0.3)
        connection.commit()
        assert erasure.result(10).rows["tutors"] == 1


@pytest.mark.usefixtures("database")
def test_an_erasure_and_an_evaluation_wait_for_each_other_in_one_order() -> None:
    with db.transaction() as connection:
        tutor = add_tutor(connection)
        add_session(connection, tutor)

    with ThreadPoolExecutor(1) as other, db.transaction() as connection:
        rollup.lock(connection)
        erasure = other.submit(erased, tutor)
        eventually(somebody_waits)
        assert evaluate_single_tutor(connection, tutor, Window(NOW)).rows_written > 0
        connection.commit()
        assert erasure.result(10).rows["tutor_performance_metrics"] > 0


def removed_by_hand(tutor: int) -> None:
    with db.transaction() as connection:
        connection.execute(delete(tutors).where(tutors.c.tutor_id == tutor))


@pytest.mark.usefixtures("database")
def test_who_removes_a_tutor_by_hand_removes_the_judgements_being_written_too() -> None:
    with db.transaction() as connection:
        tutor, other_tutor = add_tutor(connection), add_tutor(connection)
        add_session(connection, tutor)
        add_session(connection, other_tutor)

    with ThreadPoolExecutor(1) as other, db.transaction() as connection:
        assert evaluate_tutors(connection, Window(NOW)).rows_written == 6
        removal = other.submit(removed_by_hand, tutor)
        eventually(lambda: removal.done() or somebody_waits())
        connection.commit()
        removal.result(10)

    with db.transaction() as connection:
        left = connection.execute(select(tutor_performance_metrics.c.tutor_id).distinct()).scalars().all()
    assert left == [other_tutor]


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
