"""`python -m tutormax jobs`: look at jobs, cancel them, and decide on the dead."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from rich.markup import escape
from rich.table import Table

from tutormax import db
from tutormax.commands.output import console, instant, plain, print_json, table, who
from tutormax.commands.ready import ready
from tutormax.jobs import operations
from tutormax.jobs.lease import State
from tutormax.jobs.operations import DeadGroup, Selection
from tutormax.options import count, filled


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command and its verbs."""
    verbs = commands.add_parser("jobs", help="list, show, cancel, dead, requeue, drop").add_subparsers(
        dest="verb", required=True
    )
    listing = verbs.add_parser("list", help="the newest jobs")
    listing.add_argument("--state", choices=[state.value for state in State])
    listing.add_argument("--actor")
    listing.add_argument("--queue")
    listing.add_argument("--limit", type=count, default=20)
    listing.set_defaults(run=_list)
    showing = verbs.add_parser("show", help="everything about one job")
    showing.add_argument("job", type=UUID)
    showing.set_defaults(run=_show)
    cancelling = verbs.add_parser("cancel", help="stop a job that waits or runs")
    cancelling.add_argument("job", type=UUID)
    cancelling.add_argument("--reason")
    cancelling.set_defaults(run=_cancel)
    dead = verbs.add_parser("dead", help="the dead letters, grouped by error; of one group, what died and how")
    dead.add_argument("group", nargs="?", help="the name that stands before a group")
    dead.add_argument("--limit", type=count, default=20, help="how many of a group are shown (20)")
    dead.set_defaults(run=_dead)
    for name, act, what in (
        ("requeue", operations.requeue, "try dead jobs anew"),
        ("drop", operations.drop, "give dead jobs up"),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("job", type=UUID, nargs="*")
        verb.add_argument("--group", type=filled, help="a group as `dead` names it")
        verb.add_argument("--actor", type=filled)
        verb.add_argument("--queue", type=filled)
        verb.add_argument("--error", type=filled, help="part of the error's text or type")
        verb.add_argument("--all", action="store_true", help="every dead job")
        verb.add_argument("--reason")
        verb.add_argument("--yes", action="store_true", help="do it; without it only the count is told")
        verb.set_defaults(run=_settle, act=act)
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true")


def _list(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        rows = operations.newest(
            connection, limit=options.limit, state=options.state, actor=options.actor, queue=options.queue
        )
    if options.json:
        print_json([plain(row) for row in rows])
        return 0
    made = table(
        "Jobs, newest first", "job", "actor", "state", "tries", "created", "took", "what", right=["tries", "took"]
    )
    for row in rows:
        made.add_row(
            str(row["job_id"]),
            row["actor"],
            row["state"],
            str(row["attempts"]),
            instant(row["created_at"]),
            _took(row),
            escape(row["error"].splitlines()[0][:60]) if row["error"] else _progress(row),
        )
    console.print(made)
    return 0


def _took(row: Mapping[str, Any]) -> str:
    if row["started_at"] is None or row["state"] == State.PENDING:
        return "-"
    # What runs once more ended when it ran before.
    ended = datetime.now(UTC) if row["state"] == State.RUNNING else row["finished_at"]
    return f"{(ended - row['started_at']).total_seconds():.2f} s"


def _progress(row: Mapping[str, Any]) -> str:
    progress = (row["progress"] or {}) if row["state"] == State.RUNNING else {}
    return f"{progress['done']} of {progress['total'] or '?'}" if progress.get("done") else ""


def _show(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        row = plain(operations.find(connection, options.job))
    if options.json:
        print_json(row)
        return 0
    made = table(f"Job {options.job}", "", "")
    for name, value in row.items():
        made.add_row(name.replace("_", " "), instant(value) if isinstance(value, datetime) else escape(str(value)))
    console.print(made)
    return 0


def _cancel(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        state = operations.cancel(connection, options.job, who=who(), reason=options.reason)
    said = {
        State.CANCELLED: "cancelled",
        State.RUNNING: "asked to stop; it will be cancelled within seconds",
    }.get(state, f"not cancelled: it had ended as {state}")
    _say(options, {"job": str(options.job), "state": state}, f"Job {options.job}: {said}.")
    return 0 if state in (State.CANCELLED, State.RUNNING) else 1


def _dead(options: Namespace) -> int:
    ready()
    if options.group is not None:
        return _dead_letters(options)
    with db.transaction() as connection:
        groups = operations.dead_groups(connection)
    if options.json:
        print_json(groups)
        return 0
    console.print(_grouped("Dead letters", groups) if groups else "No dead letters.")
    return 0


def _grouped(title: str, groups: Sequence[DeadGroup]) -> Table:
    made = table(title, "group", "jobs", "actor", "error", "", "oldest", "newest", right=["jobs"])
    for group in groups:
        made.add_row(
            group.group_id,
            str(group.jobs),
            group.actor,
            group.error_type,
            escape(group.error[:80]),
            instant(group.oldest),
            instant(group.newest),
        )
    return made


def _dead_letters(options: Namespace) -> int:
    with db.transaction() as connection:
        letters = operations.dead_letters(connection, options.group, most=options.limit)
    if options.json:
        print_json(letters)
        return 0
    if not letters:
        console.print(f"No dead letter is in a group {escape(repr(options.group))}; `jobs dead` names them.")
        return 1
    made = table(
        f"Dead letters of {options.group}, newest first",
        *("job", "arguments", "tries", "recoveries", "asked by", "died"),
        right=["tries", "recoveries"],
    )
    for row in letters:
        counts = (str(row["attempts"]), str(row["recoveries"]))
        arguments = escape(orjson.dumps(row["args"]).decode())
        made.add_row(str(row["job_id"]), arguments, *counts, escape(row["requested_by"]), instant(row["finished_at"]))
    console.print(made)
    console.print(escape(letters[0]["traceback"] or letters[0]["error"] or ""), soft_wrap=True)
    return 0


def _settle(options: Namespace) -> int:
    selection = Selection(options.job, options.actor, options.queue, options.error, options.group)
    if selection == Selection(options.job) and not (options.job or options.all):
        console.print("Which? Name jobs, or --group, --actor, --queue, --error, or --all.")
        return 2
    ready()
    with db.transaction() as connection:
        groups = operations.dead_groups(connection, selection)
        meant = sum(group.jobs for group in groups)
        done = options.act(connection, selection, who=who(), reason=options.reason) if options.yes else 0
    alive = len(set(options.job)) - meant if options.job else 0
    if not (options.json or options.yes) and groups:
        console.print(_grouped("What is meant", groups))
    _say(options, {"meant": meant, "done": done}, " ".join(_settled(options, meant, done, alive)))
    return 1 if alive or (options.job and options.yes and done < meant) else 0


def _settled(options: Namespace, meant: int, done: int, alive: int) -> Iterator[str]:
    """Say what was done, or would be, and why not with the others."""
    if not options.yes:
        yield f"{meant} dead jobs; say --yes to {options.verb} them."
    else:
        yield f"{done} of {meant} dead jobs: {options.verb}."
        if done < meant:
            yield f"{meant - done} stay dead: the same work is asked for already."
    if alive:
        yield f"{alive} of the jobs named are no dead jobs that match."


def _say(options: Namespace, facts: Mapping[str, object], sentence: str) -> None:
    if options.json:
        print_json(facts)
    else:
        console.print(sentence)
