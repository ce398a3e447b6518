"""How commands speak: tables for people, JSON for programs, one line for a mistake."""

import getpass
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tutormax import servers, settings

# Where nobody says how wide the screen is (a pipe, a file), the widest table fits.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
complaints = Console(stderr=True, highlight=False)

RISK_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}
TIER_STYLES = {
    "exemplary": "bold green",
    "strong": "green",
    "developing": "",
    "needs_attention": "yellow",
    "at_risk": "red",
}


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(
        orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n"
    )


def table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """Return a table with these columns, some of them numbers."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def words(name: str | None, *, none: str = "-") -> str:
    """Return a stored name as words: `needs_attention` reads `needs attention`."""
    return none if name is None else name.replace("_", " ")


def styled(text: str, style: str) -> str:
    """Return text in a style."""
    return f"[{style}]{text}[/]" if style else text


def number(value: float | None, digits: int = 2) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def percentage(value: float | None) -> str:
    """Return a share as a percentage, or a dash where there is none."""
    return "-" if value is None else f"{100 * value:.0f} %"


def instant(value: datetime | None) -> str:
    """Return an instant in UTC to the second, or a dash."""
    return "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without what is empty."""
    return {name: value for name, value in row.items() if value is not None}


def say_where() -> None:
    """Say on standard error that the database is an embedded one, where it is."""
    if told := servers.notice(settings.current()):
        complaints.print(told, style="dim", markup=False, soft_wrap=True)


def who() -> str:
    """Return who acts, for the audit log."""
    with suppress(OSError, KeyError):
        return f"cli:{getpass.getuser()}"
    return "cli:unknown"
