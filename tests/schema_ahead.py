"""A schema one expansion ahead: what a release finds while the next one is being rolled out."""

from sqlalchemy import Connection, text

FUTURE = "9999"

EVERY_TABLE = """
select c.relname
from pg_class as c
where c.relnamespace = 'public'::regnamespace
  and c.relkind in ('r', 'p')
  and not c.relispartition
  and c.relname <> 'alembic_version'
"""


def widen(connection: Connection, floor: str | None = None) -> None:
    """Add to every table what a migration may add, and a table; raise the floor if one is given."""
    for table in connection.execute(text(EVERY_TABLE)).scalars().all():
        connection.execute(
            text(
                f'alter table "{table}" add column from_the_future text, '
                "add column also_from_the_future integer not null default 7"
            )
        )
    connection.execute(text("create table the_future (subject text primary key)"))
    connection.execute(text("update alembic_version set version_num = :future"), {"future": FUTURE})
    if floor is not None:
        connection.execute(text("update schema_floor set revision = :floor"), {"floor": floor})
