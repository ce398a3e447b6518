"""Alembic's environment: one connection, given by `tutormax.db.upgrade` or opened from the settings."""

from alembic import context
from sqlalchemy import Connection, create_engine, pool

from tutormax import servers
from tutormax.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with create_engine(servers.endpoints().database_url, poolclass=pool.NullPool).connect() as connection:
        _run(connection)
