"""What is known of the outside, how fast limited work may start, and an index for taking turns."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CHANGES = """
create table breakers (
    name text primary key,
    failures integer not null,
    error text,
    failed_at timestamptz,
    opened_at timestamptz,
    probe_until timestamptz
);
comment on column breakers.failures is 'in a row; an answer sets it back to zero';
comment on column breakers.probe_until is 'until then one process finds out, and nobody else calls';

create table paces (
    name text primary key,
    free_at timestamptz not null
);
comment on table paces is 'of limited work: when the start after the last one falls, if all are evenly spaced';

create index jobs_turns on jobs (queue, coalesce(organization_id, 0), priority desc, available_at)
where state = 'pending';
"""


def upgrade() -> None:
    """Make room for it."""
    op.execute(CHANGES)


def downgrade() -> None:
    """Forget it."""
    op.execute("drop index jobs_turns; drop table paces, breakers")
