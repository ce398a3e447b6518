"""`python -m tutormax.enqueue`: ask for a job by hand, and wait for it if you like."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from sqlalchemy.exc import DBAPIError

from tutormax import db, emissions, jobs, log, options, schema, settings, telling
from tutormax.commands.output import say_where, who
from tutormax.errors import TutorMaxError
from tutormax.jobs import InvalidArgumentsError, JobActor, Request
from tutormax.jobs.limits import make_sure_of_room
from tutormax.settings import InvalidSettingsError
from tutormax.telling import Exit

Actors = Mapping[str, JobActor[Any, Any]]

ARGUMENT = "argument "
# Options of the command itself that take a value.
VALUED = ("--timeout", "--in", "--at", "--key", "--priority")


def main(arguments: Sequence[str] | None = None, actors: Actors | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _run(given, _every_actor() if actors is None else actors)
    except (InvalidSettingsError, InvalidArgumentsError) as error:
        return telling.complain(error, Exit.MISUSED)
    except TutorMaxError as error:
        return telling.complain(error, Exit.FAILED)
    except DBAPIError as error:
        if (told := db.complaint(error)) is None:
            raise
        return telling.complain(told, Exit.FAILED)
    except KeyboardInterrupt:
        return telling.complain("interrupted; a job that was sent goes on", Exit.INTERRUPTED)


def _every_actor() -> Actors:
    limits = settings.current()
    log.configure(json=limits.log_json, level=limits.log_level)
    # The one door of the core that opens upward, and only when somebody stands before it.
    import actors  # noqa: F401, PLC0415  # importing declares them

    return jobs.declared()


def _run(given: list[str], actors: Actors) -> int:
    asked = _asked(given, actors)
    if asked.list:
        return telling.list_actors(actors.values(), json=asked.json)
    request = _request(asked, actors[asked.actor])
    say_where()
    with db.transaction() as connection:
        schema.ready(connection)
        if asked.after is not None:
            # By the clock that says when it is due.
            request = replace(request, run_at=emissions.clock(connection) + asked.after)
        make_sure_of_room(connection, [request])
        [job_id] = jobs.insert(connection, [request])
    sent = telling.Sent(job_id, request, new=job_id == request.job_id, json=asked.json)
    return sent.wait(asked.timeout) if asked.wait else sent.tell()


def _request(asked: argparse.Namespace, actor: JobActor[Any, Any]) -> Request:
    values = {name.removeprefix(ARGUMENT): value for name, value in vars(asked).items() if name.startswith(ARGUMENT)}
    return replace(
        actor.request(**values),
        run_at=asked.at,
        key=asked.key,
        priority=actor.priority if asked.priority is None else asked.priority,
        requested_by=who(),
    )


def _asked(given: list[str], actors: Actors) -> argparse.Namespace:
    actor = _meant(given, actors)
    takes = [] if actor is None else options.options(actor)
    parser = _parser(actors)
    arguments = parser.add_argument_group(f"arguments of {actor.actor_name}") if actor and takes else None
    for option in takes:
        _add(arguments or parser, option)
    asked, unknown = parser.parse_known_args(given)
    if unknown:
        _refuse(parser, asked.actor or "the command", unknown[0], [option.flag for option in takes])
    if asked.actor is None and not asked.list:
        parser.error("name an actor; --list shows them all")
    return asked


def _meant(given: list[str], actors: Actors) -> JobActor[Any, Any] | None:
    """Return the actor that a command line names: a word that is not the value of an option, whosever that is."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    theirs = {option.flag for actor in actors.values() for option in options.options(actor)}
    for flag in sorted(theirs.union(VALUED)):
        parser.add_argument(flag, nargs="?")
    _, words = parser.parse_known_args(given)
    return next((actors[word] for word in words if word in actors), None)


def _parser(actors: Actors) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tutormax.enqueue",
        usage="%(prog)s (--list | ACTOR [--ARGUMENT VALUE ...]) [options]",
        description="Ask for a job by hand. ACTOR --help shows the arguments of one actor.",
        epilog="Exit code: 0 sent, or done with --wait; 1 failed; 2 misused, nothing sent; 124 not done in time.",
        allow_abbrev=False,
    )
    parser.add_argument("actor", metavar="ACTOR", nargs="?", type=partial(_known, actors), help="what is to run")
    parser.add_argument("--list", action="store_true", help="print the actors and their arguments")
    parser.add_argument("--wait", action="store_true", help="follow the job to its end and print its result")
    parser.add_argument(
        "--timeout", type=options.seconds, default=600.0, metavar="SECONDS", help="how long --wait waits (600)"
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--in", dest="after", type=options.delay, metavar="10m", help="run it later: seconds to days, s m h d"
    )
    when.add_argument("--at", type=options.instant, metavar="INSTANT", help="run it at 2026-12-01T02:00:00Z")
    parser.add_argument("--key", type=options.key, help="of the jobs with one key that have not ended there is one")
    parser.add_argument("--priority", type=options.priority, metavar="N", help="higher runs first, -100 to 100")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add(group: argparse._ActionsContainer, option: options.Option) -> None:
    switch = option.type is bool
    group.add_argument(
        option.flag,
        dest=f"{ARGUMENT}{option.name}",
        type=option.read,
        required=option.required,
        default=argparse.SUPPRESS,
        metavar=option.kind,
        nargs="?" if switch else None,
        const=True if switch else None,
        help=option.shown_default and f"({option.shown_default})".replace("%", "%%"),
    )


def _known(actors: Actors, name: str) -> str:
    if name not in actors:
        close = options.suggestion(name, actors) or "; --list shows them all"
        raise argparse.ArgumentTypeError(f"{name!r} is not an actor{close}")
    return name


def _refuse(parser: argparse.ArgumentParser, whose: str, word: str, flags: list[str]) -> NoReturn:
    name = word.partition("=")[0]
    close = options.suggestion(name, flags) or f"; it takes {', '.join(flags) or 'none'}"
    parser.error(f"{name} is not an argument of {whose}{close}")


if __name__ == "__main__":
    sys.exit(main())
