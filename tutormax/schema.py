"""The schema's version: brought up to date by Alembic, checked by whoever only uses it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select

from tutormax import db, servers, settings
from tutormax.errors import PermanentError
from tutormax.tables import schema_floor


class OutdatedSchemaError(PermanentError):
    """The database's schema is none that this code can run on; the text says what to do."""


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


def fit() -> None:
    """Raise unless this process may work on its database; an embedded one is brought up to date."""
    with db.transaction() as connection:
        ready(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to a revision; one starter at a time."""
    take_turn(connection)
    command.upgrade(config(connection), revision)


def take_turn(connection: Connection) -> None:
    """Wait until nobody else changes the schema, and let nobody until this transaction ends."""
    connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('tutormax schema'))")


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take the schema back to a revision."""
    command.downgrade(config(connection), revision)


def check(connection: Connection) -> None:
    """Raise OutdatedSchemaError unless this code may run on the schema.

    It may on its own, and on a newer one that still serves it: migrations add and do not take away, so that a release
    runs on while the next one is rolled out. One that takes away raises the floor (deploy/upgrades.md).
    """
    there = revision(connection)
    known = revisions()
    if there == known[-1]:
        return
    if there is None or there in known:
        raise OutdatedSchemaError(
            f"the schema is at {there}, this code needs {known[-1]}: run python -m tutormax migrate"
        )
    floor = connection.execute(select(schema_floor.c.revision)).scalar_one()
    if floor not in known:
        raise OutdatedSchemaError(
            f"the schema is at {there} and serves code from {floor} on, this code ends at {known[-1]}: "
            "install the release that the schema was migrated with"
        )


def revision(connection: Connection) -> str | None:
    """Return the revision of the schema, None where there is none."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def revisions() -> Sequence[str]:
    """Return every revision that this code knows, oldest first."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return tuple(script.revision for script in scripts)[::-1]


def pending(connection: Connection) -> Sequence[str]:
    """Return the revisions that `migrate` would apply."""
    there = revision(connection)
    known = revisions()
    if there is None:
        return known
    return known[known.index(there) + 1 :] if there in known else []
