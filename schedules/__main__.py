"""`python -m schedules`: the scheduler and relay, until SIGTERM or Ctrl-C; or one look at the timetable."""

import argparse
import sys
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from schedules import daemon, listing
from schedules.timetable import timetable
from tutormax import db, emissions, log, schema, settings
from tutormax.commands.output import console, print_json, say_where, who
from tutormax.errors import TutorMaxError
from tutormax.options import count


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        limits = settings.current()
        if options.list:
            _list(limits, count=options.count, json=options.json)
        elif options.pause or options.resume:
            _pause(options.pause or options.resume, paused=bool(options.pause))
        else:
            log.configure(json=limits.log_json, level=limits.log_level)
            daemon.serve(timetable(limits), limits)
    except TutorMaxError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except DBAPIError as error:
        if (told := db.complaint(error)) is None:
            raise
        sys.stderr.write(f"{told}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m schedules", description="Send what the timetable says, when it is due."
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--list", action="store_true", help="print every schedule and when it fires next; needs no server"
    )
    instead.add_argument("--pause", metavar="SCHEDULE", help="send nothing more for one schedule")
    instead.add_argument("--resume", metavar="SCHEDULE", help="send again, from the next slot on")
    parser.add_argument("--count", type=count, default=1, help="how many fire times --list prints (1)")
    parser.add_argument("--json", action="store_true", help="print --list as JSON")
    return parser


def _list(limits: settings.Settings, *, count: int, json: bool) -> None:
    entries, now = timetable(limits), datetime.now(UTC)
    if json:
        print_json(listing.as_json(entries, now, count))
        return
    console.print(listing.as_table(entries, now, count))
    if not limits.generation_enabled:
        console.print("Continuous generation is off: TUTORMAX_GENERATION_ENABLED=true adds it.")


def _pause(name: str, *, paused: bool) -> None:
    act = emissions.pause if paused else emissions.resume
    say_where()
    with db.transaction() as connection:
        schema.ready(connection)
        act(connection, name, who=who(), now=emissions.clock(connection))


if __name__ == "__main__":
    sys.exit(main())
