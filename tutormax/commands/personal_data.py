"""`python -m tutormax export TUTOR` and `erase TUTOR`: what is held about a tutor, and its end."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from tutormax import db, personal_data, risk
from tutormax.commands.output import console, print_json, table, who
from tutormax.commands.ready import ready

WHO = ("tutor_id", "external_id", "name", "organization")


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add both commands."""
    exporting = commands.add_parser("export", help="everything that is held about one tutor")
    exporting.set_defaults(run=_export)
    erasing = commands.add_parser("erase", help="remove everything that is held about one tutor")
    erasing.add_argument("--reason", required=True, help="why; kept in the audit log: name nobody here")
    erasing.add_argument("--yes", action="store_true", help="do it; without it only the rows are counted")
    erasing.set_defaults(run=_erase)
    for parser in (exporting, erasing):
        parser.add_argument("tutor", help="the customer's id of the tutor, or our number: '#57', in quotes")
        parser.add_argument("--organization", help="where the id alone is not enough")
        parser.add_argument("--json", action="store_true")


def _export(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        tutor = risk.find_one_tutor(connection, options.tutor, organization=options.organization)
        held = personal_data.held_about(connection, tutor["tutor_id"])
    if options.json:
        print_json(held | {"organization": tutor["organization"]})
        return 0
    console.print(_counts(f"Held about {_described(tutor)}", {name: len(rows) for name, rows in held.items()}))
    console.print("--json prints all of it.")
    return 0


def _erase(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        tutor = risk.find_one_tutor(connection, options.tutor, organization=options.organization)
        tutor_id = tutor["tutor_id"]
        if not options.yes:
            rows = {name: len(rows) for name, rows in personal_data.held_about(connection, tutor_id).items()}
            title = f"Nothing was removed; say --yes to remove these rows of {_described(tutor)}"
        else:
            erasure = personal_data.erase(connection, tutor_id, who=who(), reason=options.reason)
            rows, title = {**erasure.rows, "jobs": erasure.jobs}, f"Removed {_described(tutor)}"
    if options.json:
        print_json({"done": options.yes, "tutor": {name: tutor[name] for name in WHO}, "rows": rows})
        return 0
    console.print(_counts(title, rows))
    if options.yes:
        console.print("An import of files that still hold this tutor would bring the tutor back.")
    return 0


def _described(tutor: Mapping[str, Any]) -> str:
    """Return who a tutor is, so that nobody is taken for another; as text, whatever signs a customer's names hold."""
    named = f" ({tutor['name']})" if tutor["name"] else ""
    return escape(f"{tutor['external_id']}{named} of {tutor['organization']}, our #{tutor['tutor_id']}")


def _counts(title: str, rows: dict[str, int]) -> Table:
    made = table(title, "table", "rows", right=["rows"])
    for name, count in rows.items():
        made.add_row(name.replace("_", " "), str(count))
    return made
