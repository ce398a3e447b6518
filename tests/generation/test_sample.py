"""A sample holds exactly the newest sessions asked for, in an organization of its own."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, text

from tests.generation.told import one, rows_of
from tutormax.generation.sample import SampleSummary, UnreasonableSampleError, make_sample

TARGET = date(2026, 6, 8)


def sampled(connection: Connection, *, tutors: int = 20, sessions: int = 150, seed: int = 7) -> SampleSummary:
    return make_sample(connection, tutors=tutors, sessions=sessions, target_date=TARGET, seed=seed)


def test_it_holds_exactly_the_sessions_asked_for_and_all_have_ended(connection: Connection) -> None:
    summary = sampled(connection)

    rows = rows_of(connection, summary.organization_id)
    assert len(rows["sessions"]) == summary.rows.sessions == 150
    assert {row[9] for row in rows["sessions"]} <= {"completed", "tutor_no_show", "student_no_show"}
    midnight = datetime(2026, 6, 9, tzinfo=UTC)
    assert all(row[12] <= midnight for row in rows["sessions"])
    assert max(row[5] for row in rows["sessions"]).date() == TARGET
    assert 0 < len(rows["feedback"]) <= 150
    assert rows["events"]


def test_asking_again_writes_nothing(connection: Connection) -> None:
    first = sampled(connection)
    before = rows_of(connection, first.organization_id)

    again = sampled(connection)

    assert again.organization_id == first.organization_id
    assert again.rows.sessions == again.rows.events == 0
    assert rows_of(connection, first.organization_id) == before


def test_another_seed_is_another_organization(connection: Connection) -> None:
    one_sample, other = sampled(connection), sampled(connection, seed=8)

    assert one_sample.organization_id != other.organization_id
    assert rows_of(connection, one_sample.organization_id) != rows_of(connection, other.organization_id)


def test_one_tutor_with_many_sessions_goes_back_as_far_as_it_takes(connection: Connection) -> None:
    summary = sampled(connection, tutors=1, sessions=120)

    assert summary.rows.sessions == 120
    synthetic = "select synthetic from organizations where organization_id = :organization_id"
    assert one(connection, synthetic, summary.organization_id)


@pytest.mark.parametrize(("tutors", "sessions"), [(0, 10), (10, 0), (-1, 10), (10, 10**9), (1, 900_000)])
def test_numbers_that_cannot_be_are_refused_before_anything_is_written(
    connection: Connection, tutors: int, sessions: int
) -> None:
    before = connection.execute(text("select count(*) from organizations")).scalar_one()

    with pytest.raises(UnreasonableSampleError):
        sampled(connection, tutors=tutors, sessions=sessions)

    assert connection.execute(text("select count(*) from organizations")).scalar_one() == before
