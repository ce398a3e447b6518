"""What dead letters have in common, as a name that can be typed."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CHANGES = """
create function error_outline(error text) returns text language sql immutable parallel safe
return regexp_replace(left(error, 200), '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', '…', 'g');
comment on function error_outline is 'an error''s text with its numbers and ids made equal';

create function dead_group(actor text, queue text, error_type text, error text) returns text
language sql immutable parallel safe
return left(md5(concat_ws(chr(31), actor, queue, error_type, error_outline(error))), 8);
comment on function dead_group is 'equal for jobs of one actor that died of the same thing';
"""


def upgrade() -> None:
    """Name them."""
    op.execute(CHANGES)


def downgrade() -> None:
    """Forget the names."""
    op.execute("drop function dead_group; drop function error_outline")
