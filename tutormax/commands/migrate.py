"""`python -m tutormax migrate`: the schema brought up to date, and partitions made ahead."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime, timedelta

from tutormax import db, partitions, schema
from tutormax.commands.output import console


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    commands.add_parser("migrate", help="bring the database's schema up to date").set_defaults(run=run)


def run(options: Namespace) -> int:
    """Upgrade the schema; safe to run again and beside running workers."""
    now = datetime.now(UTC)
    with db.transaction() as connection:
        schema.upgrade(connection)
        made = partitions.ensure(connection, now, now + timedelta(days=62))
    console.print(f"The schema is up to date; {made} partitions were made.")
    return 0
