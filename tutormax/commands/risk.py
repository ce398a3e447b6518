"""`python -m tutormax risk`: who may leave, and why."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from tutormax import db, risk
from tutormax.commands.output import RISK_STYLES, TIER_STYLES, console, percentage, print_json, styled, table, words
from tutormax.commands.ready import ready
from tutormax.options import count

REASONS_SHOWN = 3


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser("risk", help="the tutors most likely to leave, with reasons")
    parser.add_argument("--organization", help="of one organization only")
    parser.add_argument("--level", action="append", choices=risk.LEVELS, help="of these levels only")
    parser.add_argument("--limit", type=count, default=10)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Print the tutors at risk."""
    ready()
    with db.transaction() as connection:
        rows = risk.tutors_at_risk(
            connection, limit=options.limit, levels=options.level, organization=options.organization
        )
    if options.json:
        print_json(rows)
    elif rows:
        console.print(risk_table(rows))
    else:
        console.print("Nobody has been scored yet: python -m tutormax.enqueue batch_predict_churn --wait")
    return 0


def risk_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return tutors at risk as a table."""
    made = table(
        "Tutors most likely to leave", "tutor", "score", "level", "7 days", "30 days", "90 days", "tier", "why",
        right=["score", "7 days", "30 days", "90 days"],
    )  # fmt: skip
    for row in rows:
        made.add_row(
            escape(row["name"] or row["external_id"]),
            str(row["churn_score"]),
            styled(row["risk_level"], RISK_STYLES[row["risk_level"]]),
            percentage(row["p7"]),
            percentage(row["p30"]),
            percentage(row["p90"]),
            styled(words(row["tier"], none="too little evidence"), TIER_STYLES.get(row["tier"], "dim")),
            "\n".join(sentences(row)[:REASONS_SHOWN]),
        )
    return made


def sentences(row: Mapping[str, Any]) -> list[str]:
    """Return the reasons for a score in plain language, weightiest first; the rule says that it is one."""
    said = [factor["text"] for factor in row["reasons"].get("factors", ()) if factor["phi"] > 0]
    return [*said, "(by the rule: no model of this population yet)"] if row["model_id"] == "rule" else said
