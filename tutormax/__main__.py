"""`python -m tutormax`: everything an operator does by hand, but for sending jobs (`python -m tutormax.enqueue`)."""

import sys
from argparse import ArgumentParser

from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from tutormax import db, log
from tutormax.commands import (
    backup,
    demo,
    doctor,
    health,
    jobs,
    migrate,
    models,
    personal_data,
    risk,
    show_metrics,
    show_settings,
    tutor,
    up,
)
from tutormax.commands.output import complaints, say_where
from tutormax.errors import TutorMaxError

COMMANDS = (
    demo,
    up,
    health,
    doctor,
    risk,
    tutor,
    models,
    personal_data,
    jobs,
    show_metrics,
    show_settings,
    migrate,
    backup,
)
# These say themselves where they look, or use no database.
SPEAK_FOR_THEMSELVES = frozenset({"demo", "up", "health", "doctor", "metrics", "settings"})


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 not done, 2 not understood."""
    parser = ArgumentParser(prog="python -m tutormax", description="TutorMax, from the command line.")
    commands = parser.add_subparsers(title="commands", required=True, dest="command")
    for command in COMMANDS:
        command.add(commands)
    options = parser.parse_args(arguments)
    log.configure(json=False, level="WARNING")
    try:
        if options.command not in SPEAK_FOR_THEMSELVES:
            say_where()
        return int(options.run(options))
    except TutorMaxError as error:
        complaints.print(f"[red]{type(error).__name__}[/]: {escape(str(error))}", soft_wrap=True)
        return 1
    except DBAPIError as error:
        if (told := db.complaint(error)) is None:
            raise
        complaints.print(told, markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
