"""The world goes on in batches, and how it is cut into them never shows."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from sqlalchemy import Connection, text

from tests.factories import add_organization
from tests.generation.told import one, rows_of
from tutormax import personal_data
from tutormax.generation.continuation import ContinuationSummary, continue_world
from tutormax.generation.history import make_history
from tutormax.generation.organizations import NotSyntheticError
from tutormax.generation.process import Parameters

START = datetime(2026, 6, 14, 14, 20, tzinfo=UTC)
LATER = datetime(2026, 6, 16, 9, 5, tzinfo=UTC)
SMALL = Parameters(tutors=15, burn_in_days=40)


def begun(
    connection: Connection, name: str, *, end: datetime = START, seed: int = 7, made_with: Parameters = SMALL
) -> int:
    summary = make_history(
        connection,
        organization=name,
        end=end,
        days=15 + (end.date() - START.date()).days,
        seed=seed,
        parameters=made_with,
    )
    return summary.organization_id


def continued(
    connection: Connection,
    name: str,
    now: datetime,
    *,
    batch_size: int = 10_000,
    asked: dict[str, set[int]] | None = None,
) -> ContinuationSummary:
    def request(_: Connection, tutor_ids: Collection[int], reason: str) -> int:
        if asked is not None:
            asked.setdefault(reason, set()).update(tutor_ids)
        return len(set(tutor_ids))

    return continue_world(
        connection,
        organization=name,
        now=now,
        batch_size=batch_size,
        sessions_per_day=30,
        seed=7,
        request_scores=request,
    )


@pytest.mark.parametrize("cuts", [0, 1, 5, 40])
def test_steps_of_any_size_leave_what_a_history_to_the_same_instant_leaves(connection: Connection, cuts: int) -> None:
    whole = rows_of(connection, begun(connection, "whole", end=LATER))
    organization = begun(connection, "in steps")

    span = (LATER - START).total_seconds()
    at = sorted(np.random.default_rng(cuts).uniform(0, span, cuts))
    for seconds in [*at, span]:
        continued(connection, "in steps", START + timedelta(seconds=seconds))

    assert rows_of(connection, organization) == whole


def test_batches_cover_a_gap_oldest_first(connection: Connection) -> None:
    whole = rows_of(connection, begun(connection, "whole", end=LATER))
    organization = begun(connection, "in batches")

    reached, booked = [START], []
    while reached[-1] < LATER:
        summary = continued(connection, "in batches", LATER, batch_size=7)
        reached.append(summary.written_until)
        booked.append(summary.rows.sessions)

    assert max(booked) == 7
    assert all(before < after for before, after in pairwise(reached))
    assert rows_of(connection, organization) == whole


def test_news_that_an_outage_held_up_arrives_when_it_is_over(connection: Connection) -> None:
    quiet = Parameters(tutors=15, burn_in_days=40, outage_day=15, outage_hours=30)
    whole = rows_of(connection, begun(connection, "whole", end=LATER, made_with=quiet))
    organization = begun(connection, "in steps", made_with=quiet)

    nothing = continued(connection, "in steps", START + timedelta(hours=20)).rows
    continued(connection, "in steps", LATER)

    assert nothing.sessions == nothing.feedback == nothing.events == 0
    assert rows_of(connection, organization) == whole


@pytest.mark.parametrize(
    ("hours", "left"), [(24, ["2026-06-14", "2026-06-15"]), (25, ["2026-06-14"])], ids=["a day", "longer"]
)
def test_after_more_than_a_day_training_computes_anew_what_it_computed_meanwhile(
    connection: Connection, hours: int, left: list[str]
) -> None:
    organization = begun(connection, "somewhere")
    connection.execute(
        text(
            "insert into feature_snapshots (tutor_id, as_of, feature_version, features, purpose)"
            " select min(tutor_id), as_of, 'a', array_fill(0::real, array[58]), 'training' from tutors,"
            " unnest(array['2026-06-14', '2026-06-15']::timestamptz[]) as as_of"
            " where organization_id = :organization group by as_of"
        ),
        {"organization": organization},
    )

    continued(connection, "somewhere", START + timedelta(hours=hours))

    kept = connection.execute(text("select to_char(as_of, 'YYYY-MM-DD') from feature_snapshots order by as_of"))
    assert kept.scalars().all() == left


def test_the_same_instant_again_writes_nothing(connection: Connection) -> None:
    organization = begun(connection, "somewhere")
    first = continued(connection, "somewhere", LATER)
    before = rows_of(connection, organization)

    again = continued(connection, "somewhere", LATER)

    assert first.rows.sessions > 0
    assert (again.rows.sessions, again.rows.events, again.outcomes, again.scores_requested) == (0, 0, 0, 0)
    assert rows_of(connection, organization) == before


def test_an_earlier_instant_writes_nothing(connection: Connection) -> None:
    begun(connection, "somewhere")

    summary = continued(connection, "somewhere", START - timedelta(days=2))

    assert summary.written_until == START
    assert summary.rows.sessions == summary.outcomes == 0


def test_an_erased_tutor_does_not_come_back_and_the_others_go_on(connection: Connection) -> None:
    organization = begun(connection, "somewhere")
    ids = connection.execute(
        text("select distinct tutor_id from sessions where status = 'scheduled' and organization_id = :organization"),
        {"organization": organization},
    ).scalars()
    gone = min(ids)
    personal_data.erase(connection, gone, who="cli:bob", reason="asked for it")

    summary = continued(connection, "somewhere", LATER + timedelta(days=5))

    assert summary.rows.sessions > 0
    for table in ("tutors", "sessions", "student_feedback", "tutor_events"):
        found = connection.execute(text(f"select count(*) from {table} where tutor_id = :gone"), {"gone": gone})
        assert found.scalar_one() == 0
    assert connection.execute(text("select count(*) from sessions where tutor_id = 0")).scalar_one() == 0


def test_whoever_changes_is_scored_again(connection: Connection) -> None:
    organization = begun(connection, "somewhere")
    asked: dict[str, set[int]] = {}

    continued(connection, "somewhere", START + timedelta(days=9), asked=asked)

    wanted = {
        "session": "select tutor_id from sessions where status in ('completed', 'tutor_no_show')"
        " and outcome_known_at > :start",
        "low rating": "select tutor_id from student_feedback where rating < 3 and ingested_at > :start",
        "reschedule": "select tutor_id from tutor_events where event_type = 'reschedule' and by_tutor"
        " and ingested_at > :start",
        "resignation": "select tutor_id from tutor_events where event_type = 'resignation' and ingested_at > :start",
        "availability cut": """
            select tutor_id from (
                select *, lag(value) over (partition by tutor_id order by event_time) as before
                from tutor_events where event_type = 'availability_change'
            ) as changes where value < before and ingested_at > :start
        """,
    }
    for reason, query in wanted.items():
        known = f"select distinct tutor_id from ({query}) as found join tutors using (tutor_id)"
        found = connection.execute(
            text(f"{known} where organization_id = :organization_id"), {"start": START, "organization_id": organization}
        )
        assert asked.get(reason, set()) == set(found.scalars()), reason
    assert {"session", "reschedule", "availability cut"} <= asked.keys()


def test_scores_are_asked_for_in_the_same_transaction(connection: Connection) -> None:
    begun(connection, "somewhere")

    summary = continue_world(
        connection, organization="somewhere", now=LATER, batch_size=100, sessions_per_day=30, seed=7
    )

    jobs = connection.execute(text("select count(*) from jobs where actor = 'predict_churn_for_tutor'")).scalar_one()
    assert 0 < jobs <= summary.scores_requested


def test_without_a_world_one_opens_this_morning(connection: Connection) -> None:
    first = continued(connection, "new", START, batch_size=10)
    while (latest := continued(connection, "new", START + timedelta(days=3), batch_size=50)).rows.sessions:
        assert latest.rows.sessions <= 50

    assert first.rows.sessions == 10
    tutors = one(
        connection, "select count(*) from tutors where organization_id = :organization_id", first.organization_id
    )
    completed = "select count(*) from sessions where organization_id = :organization_id and status = 'completed'"
    assert tutors >= 15
    assert one(connection, completed, first.organization_id) > 30


def test_a_customers_organization_is_not_continued(connection: Connection) -> None:
    add_organization(connection, name="a customer")

    with pytest.raises(NotSyntheticError, match="a customer"):
        continued(connection, "a customer", LATER)


def test_the_truth_of_completed_days_is_added(connection: Connection) -> None:
    organization = begun(connection, "somewhere")

    continued(connection, "somewhere", LATER)

    days = "select max(day) from sim_truth.evenings where organization_id = :organization_id"
    assert one(connection, days, organization) == LATER.date() - timedelta(days=1)
