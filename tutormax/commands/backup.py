"""`python -m tutormax backup` and `restore`: the database and the models into a directory, and back."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from tutormax import backup, settings
from tutormax.commands.output import console, print_json


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add both commands."""
    writing = commands.add_parser("backup", help="the database and the models into a new directory")
    writing.add_argument("directory", type=Path, metavar="DIRECTORY", help="below which it is made")
    writing.set_defaults(run=_write)
    restoring = commands.add_parser("restore", help="a backup into an empty database and an empty models' directory")
    restoring.add_argument("backup", type=Path, metavar="BACKUP", help="a directory that backup made")
    restoring.set_defaults(run=_restore)
    for command in (writing, restoring):
        command.add_argument("--json", action="store_true")


def _write(options: Namespace) -> int:
    place, made = backup.write(options.directory, settings.current().model_save_path, datetime.now(UTC))
    megabytes = (place / backup.DUMP).stat().st_size / 1e6
    if options.json:
        print_json({"backup": place, "revision": made.revision, "models": made.models, "megabytes": megabytes})
        return 0
    held = f"the schema at {made.revision}, {megabytes:,.1f} MB, {made.models} models"
    console.print(f"Backed up to {escape(str(place))}: {held}.")
    return 0


def _restore(options: Namespace) -> int:
    made = backup.restore(options.backup, settings.current().model_save_path)
    if options.json:
        print_json({"at": made.at, "revision": made.revision, "models": made.models})
        return 0
    console.print(
        f"Restored what was there at {made.at:%Y-%m-%d %H:%M:%S} UTC: the schema at {made.revision}, ", end=""
    )
    console.print(f"{made.models} models.\nNow: python -m tutormax migrate, the rights of roles.sql, doctor.")
    return 0
