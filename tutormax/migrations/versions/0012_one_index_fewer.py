"""Feedback and events are found by one index less: their key begins with what they are looked up by."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# The key still holds its old columns, so it allows what was allowed.
ONE_INDEX = """
drop index student_feedback_external;
alter table student_feedback
    drop constraint student_feedback_pkey,
    add primary key (organization_id, external_id, submitted_at, feedback_id);

drop index tutor_events_external;
alter table tutor_events
    drop constraint tutor_events_pkey,
    add primary key (organization_id, external_id, event_time, event_id);
"""

TWO_INDEXES = """
alter table tutor_events
    drop constraint tutor_events_pkey,
    add primary key (event_id, event_time);
create index tutor_events_external on tutor_events (organization_id, external_id);

alter table student_feedback
    drop constraint student_feedback_pkey,
    add primary key (feedback_id, submitted_at);
create index student_feedback_external on student_feedback (organization_id, external_id);
"""


def upgrade() -> None:
    """Let the key do what an index of names did."""
    # Of a hundred million facts it takes minutes.
    op.execute("set local statement_timeout = 0")
    op.execute(ONE_INDEX)


def downgrade() -> None:
    """Take the key and the index apart."""
    op.execute("set local statement_timeout = 0")
    op.execute(TWO_INDEXES)
