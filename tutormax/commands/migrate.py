"""`python -m tutormax migrate`: the schema brought up to date, and partitions made ahead."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import text

from tutormax import db, partitions, queries, schema
from tutormax.commands.output import console
from tutormax.db import Begin
from tutormax.partitions import PATIENT, Patience, TablesInUseError

AHEAD = timedelta(days=62)


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    commands.add_parser("migrate", help="bring the database's schema up to date").set_defaults(run=run)


def run(options: Namespace) -> int:
    """Upgrade the schema; safe to run again and beside running workers."""
    made = migrate(db.transaction, datetime.now(UTC))
    console.print(f"The schema is up to date; {made} partitions were made.")
    return 0


def migrate(begin: Begin, now: datetime, patience: Patience = PATIENT) -> int:
    """Apply what is pending, then make partitions ahead, and return how many; each in a transaction of its own.

    Nobody queues behind it for long: who uses a table for longer, as a backup does, makes it try again for a while.
    Raises TablesInUseError, which names whoever was there.
    """
    with begin() as connection:
        pending = schema.pending(connection)
    try:
        for revision in pending:
            partitions.patiently(partial(_apply, begin, revision), patience)
        made = partitions.make(begin, now, now + AHEAD, patience)
    except TablesInUseError as error:
        raise TablesInUseError(f"{error}. {_users(begin)}") from None
    with begin() as connection:
        schema.check(connection)
    return made


def _apply(begin: Begin, revision: str) -> None:
    with begin() as connection:
        # For another machine that migrates, and for a large table, it may wait and work as long as it takes.
        connection.execute(text("set local statement_timeout = 0"))
        schema.take_turn(connection)
        partitions.limit_waiting(connection)
        if revision in schema.pending(connection):
            schema.upgrade(connection, revision)


def _users(begin: Begin) -> str:
    """Say who uses tables of ours for longer than a moment, the oldest first."""
    with begin() as connection:
        rows = connection.execute(queries.load("table_users")).all()
    said = [f"{row.application_name or 'a session'} (pid {row.pid}, {row.usename}, {row.begun})" for row in rows]
    return f"Using them: {', '.join(said)}" if said else "Nobody uses them any more"
