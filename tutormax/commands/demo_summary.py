"""What the demo shows at its end: how much, how long, who does how well, how good the model is, and who may leave."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from sqlalchemy import Connection, func, select

from tutormax import db, risk
from tutormax.commands.output import RISK_STYLES, TIER_STYLES, console, number, percentage, styled, table, words
from tutormax.commands.risk import risk_table
from tutormax.tables import models, sessions, student_feedback, tutor_events, tutors

LISTED = 10
HORIZON = "30"
PREDICTORS = {"challenger": "XGBoost", "logistic_regression": "logistic regression", "rule": "the rule"}


def show(seconds: Mapping[str, float], organization_id: int, organization: str, total_seconds: float) -> None:
    """Print the summary of one demo."""
    with db.transaction() as connection:
        model = _newest_model(connection)
        console.print()
        console.print(_rows(connection, organization_id))
        console.print(_seconds(seconds, total_seconds))
        console.print(_standing(connection, organization))
        if model is not None:
            console.print(_quality(model))
            console.print(f"\nThe gate: {words(model['status'])}, {model['reason']}.")
        console.print()
        console.print(risk_table(risk.tutors_at_risk(connection, limit=LISTED, organization=organization)))
    console.print(_where_next())


def _rows(connection: Connection, organization_id: int) -> Table:
    made = table("Rows", "", "rows", right=["rows"])
    for label, of in (
        ("tutors, those who left included", tutors),
        ("sessions", sessions),
        ("ratings", student_feedback),
        ("events", tutor_events),
    ):
        counted = select(func.count()).select_from(of).where(of.c.organization_id == organization_id)
        made.add_row(label, f"{connection.execute(counted).scalar_one():,}")
    return made


def _seconds(seconds: Mapping[str, float], total_seconds: float) -> Table:
    made = table("\nSeconds, from the message to the commit", "", "s", right=["s"])
    for stage, taken in seconds.items():
        made.add_row(stage, f"{taken:.1f}")
    made.add_row("everything, servers and workers included", f"{total_seconds:.1f}")
    return made


def _standing(connection: Connection, organization: str) -> Table:
    made = table(
        "\nTutors",
        "tier over 30 days",
        "tutors",
        "risk of leaving within 30 days",
        "tutors ",
        right=["tutors", "tutors "],
    )
    tiers = risk.tiers(connection, organization=organization)
    left = [
        (styled(words(tier, none="too little evidence"), TIER_STYLES.get(tier or "", "dim")), str(tiers.get(tier, 0)))
        for tier in (*TIER_STYLES, None)
    ]
    levels = risk.risk_levels(connection, organization=organization)
    right = [(styled(level, RISK_STYLES[level]), str(count)) for level, count in levels.items()]
    for row in range(max(len(left), len(right))):
        made.add_row(*(left[row] if row < len(left) else ("", "")), *(right[row] if row < len(right) else ("", "")))
    return made


def _newest_model(connection: Connection) -> Mapping[str, Any] | None:
    statement = select(models).where(models.c.population == "synthetic").order_by(models.c.trained_at.desc()).limit(1)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else dict(row)


MEASURES = {
    "AUC": "auc",
    "of active tutors": "early_warning_auc",
    "skill": "skill",
    "Brier": "brier",
    "calibration error": "calibration_error",
}


def _quality(model: Mapping[str, Any]) -> Table:
    record = model["metrics"]["horizons"][HORIZON]
    rows = record["quality"]["challenger"]["rows"]
    columns = [*MEASURES, "precision at critical", "recall at critical"]
    title = f"\nWho leaves within 30 days, on {words(record['validated_on'])} ({rows:,} rows)"
    made = table(title, "", *columns, right=columns)
    for name, label in PREDICTORS.items():
        quality = record["quality"].get(name)
        if quality is not None:
            critical = quality["alarms"]["critical"]
            measured = (number(quality[measure], 3) for measure in MEASURES.values())
            made.add_row(label, *measured, percentage(critical["precision"]), percentage(critical["recall"]))
    return made


def _where_next() -> str:
    return (
        "\nWhere to look next\n"
        "  .venv/bin/python -m tutormax risk --level critical      everybody who is about to leave\n"
        "  .venv/bin/python -m tutormax tutor ID                   one tutor: tier, metrics, scores, reasons\n"
        "  .venv/bin/python -m tutormax jobs list                  what the workers did\n"
        "  .venv/bin/python -m tutormax.enqueue --list             what they can be asked to do\n"
        "  make up                                                 keep it all running, with the timetable\n"
    )
