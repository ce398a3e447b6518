"""What the generator knows and nobody else may: its worlds, and the hidden state of every tutor on every day."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TRUTH = """
create schema sim_truth;
revoke all on schema sim_truth from public;

create table sim_truth.worlds (
    organization_id integer primary key references organizations on delete cascade,
    seed bigint not null,
    parameters jsonb not null,
    first_day date not null,
    written_until timestamptz not null,
    morning bytea,
    created_at timestamptz not null default now()
);
comment on column sim_truth.worlds.written_until is 'every row that became known by then has been written';
comment on column sim_truth.worlds.morning is
    'the world in the morning of the day of written_until, an npz archive; null: not to be continued';

create table sim_truth.tutors (
    organization_id integer not null references sim_truth.worlds on delete cascade,
    ordinal integer not null,
    tutor_id integer not null references tutors on delete cascade,
    joined_on date not null,
    baseline_sessions_per_week real not null,
    subject_group smallint not null,
    skill smallint not null,
    login_factor real not null,
    response_shift real not null,
    primary key (organization_id, ordinal)
);

create table sim_truth.evenings (
    organization_id integer not null references sim_truth.worlds on delete cascade,
    day date not null,
    ordinals bytea not null,
    states bytea not null,
    silent_days bytea not null,
    primary key (organization_id, day)
);
comment on table sim_truth.evenings is
    'one element for each tutor there in the evening: ordinals little-endian int32, states and silent_days uint8';
"""


def upgrade() -> None:
    """Create the schema that the product never reads."""
    op.execute(TRUTH)


def downgrade() -> None:
    """Forget it."""
    op.execute("drop schema sim_truth cascade")
