"""A past is written whole: what was known by an instant, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from tests.factories import add_organization
from tests.generation.told import one, rows_of
from tutormax.generation import truth
from tutormax.generation.history import HistorySummary, WorldExistsError, make_history
from tutormax.generation.organizations import NotSyntheticError, clear
from tutormax.generation.process import Parameters

END = datetime(2026, 6, 15, 14, 20, tzinfo=UTC)
SMALL = Parameters(tutors=25, burn_in_days=40)


def written(
    connection: Connection, *, name: str = "somewhere", seed: int = 7, days: int = 20, made_with: Parameters = SMALL
) -> HistorySummary:
    return make_history(connection, organization=name, end=END, days=days, seed=seed, parameters=made_with)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(connection: Connection) -> None:
    one_world, again, other = (
        rows_of(connection, written(connection, name=name, seed=seed).organization_id)
        for name, seed in (("one", 7), ("again", 7), ("other", 8))
    )

    assert one_world == again
    assert all(one_world[table] != other[table] for table in one_world)


def test_the_summary_counts_what_is_there(connection: Connection) -> None:
    summary = written(connection)

    counts = {table: len(rows) for table, rows in rows_of(connection, summary.organization_id).items()}
    assert counts == {
        "tutors": summary.rows.tutors,
        "students": summary.rows.students,
        "sessions": summary.rows.sessions,
        "feedback": summary.rows.feedback,
        "events": summary.rows.events,
    }
    assert summary.rows.sessions > 25 * 20


def test_nothing_became_known_after_the_end(connection: Connection) -> None:
    organization = written(connection).organization_id

    for table in ("tutors", "students", "sessions", "student_feedback", "tutor_events"):
        newest = one(
            connection, f"select max(ingested_at) from {table} where organization_id = :organization_id", organization
        )
        assert newest <= END
    assert one(
        connection, "select max(ingested_at) from sessions where organization_id = :organization_id", organization
    ) > (END - timedelta(hours=6))


def test_a_session_is_scheduled_until_its_outcome_is_known(connection: Connection) -> None:
    organization = written(connection).organization_id

    statuses = rows_of(connection, organization)["sessions"]
    for row in statuses:
        start, booked, status, outcome_known = row[5], row[7], row[9], row[12]
        assert booked < start
        assert (status == "scheduled") == (outcome_known is None)
        assert outcome_known is None or booked < outcome_known <= END
    overdue = [row for row in statuses if row[9] == "scheduled" and row[5] < END - timedelta(hours=12)]
    assert overdue == []


def test_the_agenda_holds_bookings_for_more_than_a_week(connection: Connection) -> None:
    organization = written(connection).organization_id

    ahead = [row for row in rows_of(connection, organization)["sessions"] if row[5] > END]
    by_day = {(row[5] - END).days for row in ahead if row[9] == "scheduled"}
    assert set(range(8)) <= by_day
    assert all(row[7] <= END for row in ahead)


def test_tutors_are_known_by_the_subjects_they_teach(connection: Connection) -> None:
    tables = rows_of(connection, written(connection).organization_id)

    known = {row[0]: set(row[2]) for row in tables["tutors"]}
    assert all(row[4] in known[row[1]] for row in tables["sessions"])
    assert len({frozenset(subjects) for subjects in known.values()}) > 3


def test_first_sessions_are_first_in_every_table(connection: Connection) -> None:
    organization = written(connection).organization_id

    feedback = rows_of(connection, organization)["feedback"]
    assert all(row[2] == row[3] and row[9] for row in feedback)
    assert all(row[5] == (row[6] == 1) for row in feedback)


def test_feedback_follows_its_session_by_at_most_two_weeks_and_some_hours(connection: Connection) -> None:
    organization = written(connection, days=40).organization_id

    waits = [row[7] - row[2] for row in rows_of(connection, organization)["feedback"]]
    assert min(waits) > timedelta(minutes=30)
    assert timedelta(days=13) < max(waits) < timedelta(days=14, hours=8)


def test_an_outage_lets_nothing_arrive_and_then_everything(connection: Connection) -> None:
    quiet = Parameters(tutors=25, burn_in_days=40, outage_day=10, outage_hours=9)
    organization = written(connection, made_with=quiet).organization_id

    begins = datetime(2026, 6, 5, 6, tzinfo=UTC)
    arrived = [row[-1] for row in rows_of(connection, organization)["events"]]
    assert not [at for at in arrived if begins <= at < begins + timedelta(hours=9)]
    burst = timedelta(hours=9), timedelta(hours=9, minutes=1)
    assert len([at for at in arrived if begins + burst[0] <= at < begins + burst[1]]) > 10


def test_a_customers_organization_is_refused(connection: Connection) -> None:
    add_organization(connection, name="a customer")

    with pytest.raises(NotSyntheticError, match="a customer"):
        written(connection, name="a customer")


def test_a_second_history_is_refused_until_the_first_is_cleared(connection: Connection) -> None:
    first = rows_of(connection, written(connection).organization_id)
    with pytest.raises(WorldExistsError):
        written(connection)

    clear(connection, "somewhere")

    assert rows_of(connection, written(connection).organization_id) == first


def test_progress_is_told_until_the_last_day(connection: Connection) -> None:
    steps: list[tuple[int, int]] = []

    make_history(
        connection,
        organization="somewhere",
        end=END,
        days=10,
        seed=7,
        parameters=SMALL,
        progress=lambda done, total: steps.append((done, total)),
    )

    assert steps == [(7, 10), (10, 10)]


def test_the_truth_of_every_evening_is_kept(connection: Connection) -> None:
    summary = written(connection)

    kept = one(
        connection,
        "select count(*) from sim_truth.evenings where organization_id = :organization_id",
        summary.organization_id,
    )
    tutors = one(
        connection,
        "select count(*) from sim_truth.tutors where organization_id = :organization_id",
        summary.organization_id,
    )
    made_with = truth.world_of(connection, summary.organization_id)
    assert (kept, tutors) == (20, summary.rows.tutors)
    assert made_with is not None
    assert (made_with.seed, made_with.parameters, made_with.written_until) == (7, SMALL, END)
