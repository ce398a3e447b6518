"""A sample holds exactly the newest sessions asked for, in an organization of its own."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.generation.told import one, rows_of
from tutormax.generation.continuation import continue_world
from tutormax.generation.sample import SampleSummary, UnreasonableSampleError, make_sample

TARGET = date(2026, 6, 8)
MIDNIGHT = datetime(2026, 6, 9, tzinfo=UTC)


def sampled(connection: Connection, *, tutors: int = 20, sessions: int = 150, seed: int = 7) -> SampleSummary:
    return make_sample(connection, tutors=tutors, sessions=sessions, target_date=TARGET, seed=seed)


def ended(connection: Connection, organization_id: int) -> list[Any]:
    sessions = rows_of(connection, organization_id)["sessions"]
    return [row for row in sessions if row[9] in {"completed", "tutor_no_show", "student_no_show"}]


def test_it_holds_exactly_the_sessions_asked_for(connection: Connection) -> None:
    summary = sampled(connection)

    sessions = ended(connection, summary.organization_id)
    assert len(sessions) == 150
    assert all(row[12] <= MIDNIGHT for row in sessions)
    assert max(row[5] for row in sessions).date() == TARGET


def test_what_goes_with_them_is_there_and_nothing_older(connection: Connection) -> None:
    summary = sampled(connection)

    rows = rows_of(connection, summary.organization_id)
    oldest = min(row[5] for row in ended(connection, summary.organization_id))
    assert min(row[5] for row in rows["sessions"]) == oldest
    assert min(row[3] for row in rows["events"]) >= oldest
    assert 50 < len(rows["feedback"]) <= 150
    ahead = [row for row in rows["sessions"] if row[5] > MIDNIGHT]
    assert ahead
    assert {row[9] for row in ahead} <= {"scheduled", "cancelled"}
    assert summary.rows.sessions == len(rows["sessions"])


def test_one_too_large_to_be_held_in_memory_is_cut_as_exactly(connection: Connection) -> None:
    large = make_sample(connection, tutors=80, sessions=4000, target_date=TARGET, seed=7, held_at_once=100)

    assert len(ended(connection, large.organization_id)) == 4000
    tables = rows_of(connection, large.organization_id)
    oldest = min(row[5] for row in ended(connection, large.organization_id))
    assert min(row[5] for row in tables["sessions"]) == oldest
    assert len({row[0] for row in tables["sessions"]}) == len(tables["sessions"])


def test_it_can_be_continued(connection: Connection) -> None:
    summary = sampled(connection)
    before = len(ended(connection, summary.organization_id))

    continue_world(
        connection,
        organization=summary.organization,
        now=MIDNIGHT + timedelta(days=8),
        batch_size=10_000,
        sessions_per_day=1,
        seed=1,
    )

    assert len(ended(connection, summary.organization_id)) > before + 100


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

    assert len(ended(connection, summary.organization_id)) == 120
    synthetic = "select synthetic from organizations where organization_id = :organization_id"
    assert one(connection, synthetic, summary.organization_id)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_is_none_is_refused(connection: Connection, seed: int) -> None:
    with pytest.raises(UnreasonableSampleError, match="seed"):
        sampled(connection, seed=seed)


@pytest.mark.parametrize(("tutors", "sessions"), [(0, 10), (10, 0), (-1, 10), (10, 10**9), (1, 900_000)])
def test_numbers_that_cannot_be_are_refused_before_anything_is_written(
    connection: Connection, tutors: int, sessions: int
) -> None:
    before = connection.execute(text("select count(*) from organizations")).scalar_one()

    with pytest.raises(UnreasonableSampleError):
        sampled(connection, tutors=tutors, sessions=sessions)

    assert connection.execute(text("select count(*) from organizations")).scalar_one() == before
