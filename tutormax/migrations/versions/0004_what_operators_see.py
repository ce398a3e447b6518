"""What operators see: processes, the promises of schedules, and indexes that keep a look at the ledger short."""

from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

CHANGES = """
create table processes (
    process_id uuid primary key,
    kind text not null check (kind in ('worker', 'scheduler', 'exporter')),
    service text not null,
    state text not null check (state in ('up', 'draining')),
    host text not null,
    pid integer not null,
    address text,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
) with (fillfactor = 70);
comment on column processes.address is 'host:port of /metrics; null while no port is free';

alter table schedules add column actor text;
alter table schedules add column next_slot timestamptz;
alter table schedules add column deadline_at timestamptz;
alter table schedules add column served_at timestamptz;
comment on column schedules.deadline_at is 'by when a success must follow the last one';
comment on column schedules.served_at is 'when a scheduler whose timetable holds it last said so';

create index jobs_dead on jobs (queue, finished_at) where state = 'dead';
create index jobs_recurring on jobs (actor, state, finished_at) where args = '{}';
create index audit_log_action on audit_log (action);
"""


def upgrade() -> None:
    """Make room for what the exporter reads."""
    op.execute(CHANGES)


def downgrade() -> None:
    """Forget it."""
    op.execute(
        """
        drop index audit_log_action, jobs_recurring, jobs_dead;
        alter table schedules drop column actor, drop column next_slot, drop column deadline_at, drop column served_at;
        drop table processes;
        """
    )
