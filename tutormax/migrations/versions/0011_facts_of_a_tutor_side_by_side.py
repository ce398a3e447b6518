"""What features read of a tutor lies together in the indexes on tutor and time; resignations have one of their own."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Facts lie in the order of time, so a tutor's are on as many pages as there are of them, and the more tutors there
# are, the fewer of these pages are at hand. In these indexes they lie together, whole as far as features read them. The
# last one is for first sessions that began more than ten minutes late.
WIDE = """
create index sessions_tutor on sessions (tutor_id, scheduled_start) include (
    status, outcome_known_at, student_id, session_number, late_start_minutes, engagement_score, objectives_met,
    technical_issues, tutor_replaced
);
create index student_feedback_tutor on student_feedback (tutor_id, submitted_at) include (
    session_id, session_start, rating, is_first_session, ingested_at
);
create index tutor_events_tutor on tutor_events (tutor_id, event_time) include (
    event_id, event_type, value, by_tutor, ingested_at
);
create index sessions_late on sessions (session_id, scheduled_start) include (outcome_known_at)
where late_start_minutes > 10;
"""

# Few among many events, and asked for whenever somebody wants to know who is active.
RESIGNATIONS = """
create index tutor_events_resigned on tutor_events (event_time, tutor_id) include (ingested_at)
where event_type = 'resignation'
"""

NARROW = """
create index sessions_tutor on sessions (tutor_id, scheduled_start) include (status, outcome_known_at);
create index student_feedback_tutor on student_feedback (tutor_id, submitted_at);
create index tutor_events_tutor on tutor_events (tutor_id, event_time);
"""


def upgrade() -> None:
    """Put beside each key of a tutor's facts what features ask of them."""
    _replace_by(WIDE)
    op.execute(RESIGNATIONS)


def downgrade() -> None:
    """Keep the keys alone."""
    op.execute("drop index tutor_events_resigned")
    _replace_by(NARROW)


def _replace_by(indexes: str) -> None:
    # Of a hundred million facts it takes minutes.
    op.execute("set local statement_timeout = 0")
    op.execute("drop index sessions_tutor, student_feedback_tutor, tutor_events_tutor")
    op.execute("drop index if exists sessions_late")
    op.execute(indexes)
