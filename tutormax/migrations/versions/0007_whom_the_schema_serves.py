"""Whom the schema serves: the oldest release that may still run on it."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHANGES = """
create table schema_floor (
    the_only_row boolean primary key default true check (the_only_row),
    revision text not null
);
comment on table schema_floor is 'code that does not know this revision must not run on this schema';
insert into schema_floor (revision) values ('0001');
"""


def upgrade() -> None:
    """Say that every release so far is served."""
    op.execute(CHANGES)


def downgrade() -> None:
    """Undo it."""
    op.execute("drop table schema_floor")
