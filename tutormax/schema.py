"""The schema's version: brought up to date by Alembic, checked by whoever only uses it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tutormax import servers, settings
from tutormax.errors import PermanentError


class OutdatedSchemaError(PermanentError):
    """The database's schema is not the one this code was written for."""


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, on a given connection or on the settings' database."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["connection"] = connection
    return made


def ready(connection: Connection) -> None:
    """Bring the schema of an embedded database up to date; raise OutdatedSchemaError where another's is behind."""
    try:
        check(connection)
    except OutdatedSchemaError:
        if not servers.is_embedded(settings.current()):
            raise
        upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to a revision; one starter at a time."""
    connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('tutormax schema'))")
    command.upgrade(config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take the schema back to a revision."""
    command.downgrade(config(connection), revision)


def check(connection: Connection) -> None:
    """Raise OutdatedSchemaError unless the schema is the newest this code knows."""
    there = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(config()).get_current_head()
    if there != wanted:
        raise OutdatedSchemaError(f"the schema is at {there}, this code needs {wanted}: run python -m tutormax migrate")
