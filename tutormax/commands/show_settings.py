"""`python -m tutormax settings`: every setting, its value and what it does, secrets hidden."""

from argparse import ArgumentParser, Namespace, _SubParsersAction

from pydantic import SecretStr

from tutormax import settings
from tutormax.commands.output import console, print_json, table


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("settings", help="every setting, secrets hidden")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Print the settings as this process reads them."""
    current = settings.current()
    rows = {settings.variable_of(name): _shown(getattr(current, name)) for name in settings.Settings.model_fields}
    if options.json:
        print_json(rows)
        return 0
    made = table("Settings (environment and .env)", "variable", "value", "what it does")
    for name, field in settings.Settings.model_fields.items():
        variable = settings.variable_of(name)
        made.add_row(variable, str(rows[variable]), field.description)
    console.print(made)
    return 0


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "(hidden)"
    return value if value is None or isinstance(value, bool | int | float) else str(value)
