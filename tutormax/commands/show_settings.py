"""`python -m tutormax settings`: every setting, its value and what it does, secrets hidden."""

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from rich.markup import escape

from tutormax import settings
from tutormax.commands.output import console, print_json, table
from tutormax.secret_files import SUFFIX

INTRODUCTION = """\
# Configuration

Written by `python -m tutormax settings --markdown` from `tutormax/settings.py`; a test holds both equal.

Every process reads its settings once, from the environment and, below it, from `.env` in its working directory. A value
that cannot be used stops the process and is named with what would be right; unsafe combinations are refused, too.
`python -m tutormax settings` prints what a process would read, secrets hidden; `python -m tutormax doctor` finds
variables that look like settings and are none.

A **secret** may come out of a file instead, named by its variable with `_FILE` behind it:
`DATABASE_URL_FILE=/run/secrets/database_url`.

| variable | default | kind | what it does |
|---|---|---|---|
"""

NAMES = {"SecretStr": "secret", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("settings", help="every setting, secrets hidden")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a page: all settings and their defaults")
    form.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Print the settings as this process reads them."""
    if options.markdown:
        sys.stdout.write(page())
        return 0
    current = settings.current()
    rows = {settings.variable_of(name): _shown(getattr(current, name)) for name in settings.Settings.model_fields}
    if options.json:
        print_json(rows)
        return 0
    made = table("Settings (environment and .env)", "variable", "value", "what it does")
    for name, field in settings.Settings.model_fields.items():
        variable = settings.variable_of(name)
        made.add_row(variable, escape(str(rows[variable])), field.description)
    console.print(made)
    return 0


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "(hidden)"
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def page() -> str:
    """Return every setting and its default as Markdown."""
    return INTRODUCTION + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, field in settings.Settings.model_fields.items():
        default = "-" if field.default is None else f"`{_written(field.default)}`"
        yield f"| `{settings.variable_of(name)}` | {default} | {_kind(field)} | {field.description} |\n"


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _kind(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    [kind] = [each for each in get_args(annotation) if each is not type(None)][:1] or [annotation]
    if isinstance(kind, str):
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if "SecretStr" in str(annotation):
        return f"secret, or `{SUFFIX}`"
    return NAMES.get(getattr(kind, "__name__", ""), "text") + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = [
        f"{sign} {getattr(each, name):g}"
        for each in field.metadata
        for name, sign in signs.items()
        if hasattr(each, name)
    ]
    return f" {' and '.join(found)}" if found else ""
