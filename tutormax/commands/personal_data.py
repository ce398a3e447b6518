"""`python -m tutormax export TUTOR` and `erase TUTOR`: what is held about a tutor, and its end."""

from argparse import ArgumentParser, Namespace, _SubParsersAction

from rich.table import Table

from tutormax import db, personal_data, risk
from tutormax.commands.output import console, print_json, table, who
from tutormax.commands.ready import ready


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add both commands."""
    exporting = commands.add_parser("export", help="everything that is held about one tutor")
    exporting.set_defaults(run=_export)
    erasing = commands.add_parser("erase", help="remove everything that is held about one tutor")
    erasing.add_argument("--reason", required=True, help="why; kept in the audit log: name nobody here")
    erasing.add_argument("--yes", action="store_true", help="do it; without it only the rows are counted")
    erasing.set_defaults(run=_erase)
    for parser in (exporting, erasing):
        parser.add_argument("tutor", help="the customer's id of the tutor, or ours")
        parser.add_argument("--organization", help="where the id alone is not enough")
        parser.add_argument("--json", action="store_true")


def _export(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        tutor = risk.find_tutor(connection, options.tutor, organization=options.organization)
        held = personal_data.held_about(connection, tutor["tutor_id"])
    if options.json:
        print_json(held | {"organization": tutor["organization"]})
        return 0
    console.print(_counts(f"Held about {options.tutor}", {name: len(rows) for name, rows in held.items()}))
    console.print("--json prints all of it.")
    return 0


def _erase(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        tutor_id = risk.find_tutor(connection, options.tutor, organization=options.organization)["tutor_id"]
        if not options.yes:
            rows = {name: len(rows) for name, rows in personal_data.held_about(connection, tutor_id).items()}
            title = "Nothing was removed; say --yes to remove these rows"
        else:
            erasure = personal_data.erase(connection, tutor_id, who=who(), reason=options.reason)
            rows, title = {**erasure.rows, "jobs": erasure.jobs}, "Removed"
    if options.json:
        print_json({"done": options.yes, "rows": rows})
        return 0
    console.print(_counts(title, rows))
    if options.yes:
        console.print("An import of files that still hold this tutor would bring the tutor back.")
    return 0


def _counts(title: str, rows: dict[str, int]) -> Table:
    made = table(title, "table", "rows", right=["rows"])
    for name, count in rows.items():
        made.add_row(name.replace("_", " "), str(count))
    return made
