"""Whatever is added, changed or deleted of what was not yet known, no feature moves."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from ml.features.build import FeatureMatrix, Spine, build
from tests.conftest import NOW
from tests.ml.conftest import Marketplace

# Each rewrites only rows, or parts of rows, that were not known at :now.
REWRITES = {
    "later sessions are gone": """
        delete from sessions
        where coalesce(outcome_known_at, 'infinity') > :now and booked_at > :now
    """,
    "sessions end otherwise": """
        update sessions
        set
            status = case when status = 'completed' then 'tutor_no_show' else 'completed' end,
            outcome_known_at = :now + interval '1 microsecond',
            cancelled_at = null,
            late_start_minutes = 99,
            engagement_score = 0,
            objectives_met = not objectives_met,
            technical_issues = not technical_issues,
            tutor_replaced = not tutor_replaced
        where
            coalesce(outcome_known_at, 'infinity') > :now
            and coalesce(cancelled_at, 'infinity') > :now
    """,
    "bookings are cancelled": """
        update sessions
        set status = 'cancelled', cancelled_at = :now + interval '1 microsecond', outcome_known_at = 'infinity'
        where
            scheduled_start > :now
            and coalesce(outcome_known_at, 'infinity') > :now
            and coalesce(cancelled_at, 'infinity') > :now
    """,
    "sessions arrive back-dated": """
        insert into sessions (
            organization_id, external_id, tutor_id, student_id, session_number, scheduled_start, duration_minutes,
            booked_at, status, ended_at, outcome_known_at, late_start_minutes, engagement_score, ingested_at
        )
        select
            organization_id, 'back-dated ' || session_id, tutor_id, student_id, 1,
            scheduled_start - interval '1 minute', 60, :now + interval '1 microsecond', 'completed', scheduled_start,
            :now + interval '1 microsecond', 60, 0, :now
        from sessions
    """,
    "feedback is gone": "delete from student_feedback where submitted_at > :now or ingested_at > :now",
    "feedback says otherwise": """
        update student_feedback
        set rating = 6 - rating, is_first_session = not is_first_session
        where submitted_at > :now or ingested_at > :now
    """,
    "feedback arrives back-dated": """
        insert into student_feedback (
            organization_id, external_id, session_id, session_start, tutor_id, student_id, rating, is_first_session,
            submitted_at, ingested_at
        )
        select
            organization_id, 'back-dated ' || feedback_id, session_id, session_start, tutor_id, student_id, 1, true,
            submitted_at, :now + interval '1 microsecond'
        from student_feedback
    """,
    "events are gone": "delete from tutor_events where event_time > :now or ingested_at > :now",
    "events say otherwise": """
        update tutor_events set value = 1000, by_tutor = not by_tutor, event_type = 'availability_change'
        where event_time > :now or ingested_at > :now
    """,
    "events arrive back-dated": """
        insert into tutor_events (
            organization_id, external_id, tutor_id, event_type, event_time, value, by_tutor, ingested_at
        )
        select
            organization_id, 'back-dated ' || event_id, tutor_id, event_type, event_time, 1, true,
            :now + interval '1 microsecond'
        from tutor_events
    """,
    "tutors resign": """
        insert into tutor_events (organization_id, external_id, tutor_id, event_type, event_time, ingested_at)
        select organization_id, 'resigned ' || tutor_id, tutor_id, 'resignation', :now + interval '1 hour', :now
        from tutors
    """,
    "predictions and judgements are made": """
        insert into churn_predictions (
            tutor_id, as_of, model_id, p30, churn_score, risk_level, churn_predicted, trigger
        )
        select tutor_id, :now, 'rule', 1, 100, 'critical', true, 'test' from tutors
    """,
}


@pytest.fixture(scope="module")
def honest(marketplace: Marketplace) -> FeatureMatrix:
    """Every tutor as of NOW, from the rows as they are."""
    return build(marketplace.connection, Spine.at(marketplace.tutors, NOW))


@pytest.mark.parametrize("rewrite", REWRITES)
def test_no_feature_moves_when_what_was_not_known_is_rewritten(
    marketplace: Marketplace, honest: FeatureMatrix, rewrite: str
) -> None:
    with marketplace.connection.begin_nested() as savepoint:
        changed = rewritten(marketplace.connection, rewrite)
        found = build(marketplace.connection, Spine.at(marketplace.tutors, NOW))
        savepoint.rollback()

    assert changed > 10
    assert found.values.tobytes() == honest.values.tobytes()


@pytest.mark.parametrize("days_ago", [0, 11, 45, 80])
def test_no_feature_moves_when_all_of_it_is_rewritten(marketplace: Marketplace, days_ago: int) -> None:
    now = NOW - timedelta(days=days_ago)
    honest = build(marketplace.connection, Spine.at(marketplace.tutors, now))

    with marketplace.connection.begin_nested() as savepoint:
        for rewrite in REWRITES:
            rewritten(marketplace.connection, rewrite, now)
        found = build(marketplace.connection, Spine.at(marketplace.tutors, now))
        savepoint.rollback()

    assert found.values.tobytes() == honest.values.tobytes()


def test_features_do_move_when_what_was_known_is_rewritten(marketplace: Marketplace, honest: FeatureMatrix) -> None:
    with marketplace.connection.begin_nested() as savepoint:
        marketplace.connection.execute(
            text("update sessions set tutor_replaced = not tutor_replaced where outcome_known_at <= :now"), {"now": NOW}
        )
        found = build(marketplace.connection, Spine.at(marketplace.tutors, NOW))
        savepoint.rollback()

    assert found.values.tobytes() != honest.values.tobytes()


def rewritten(connection: Connection, rewrite: str, now: datetime = NOW) -> int:
    return int(connection.execute(text(REWRITES[rewrite]), {"now": now}).rowcount)
