"""What is known of tutors at this moment: who may leave, how they do, and why one is where she is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from tutormax import queries
from tutormax.tables import churn_predictions, evaluations, organizations, tutor_performance_metrics, tutors
from tutormax.tutors import UnknownTutorError

LEVELS = ("low", "medium", "high", "critical")
# What the column of our numbers holds.
LARGEST_NUMBER = 2**31 - 1


def tutors_at_risk(
    connection: Connection, *, limit: int | None, levels: Sequence[str] | None = None, organization: str | None = None
) -> list[Mapping[str, Any]]:
    """Return the tutors most likely to leave within 30 days, or all, with their latest score and its reasons."""
    bound = {"most": limit, "levels": list(levels) if levels else None, "organization": organization}
    return [dict(row) for row in connection.execute(queries.load("tutors_at_risk"), bound).mappings()]


def risk_levels(connection: Connection, *, organization: str | None = None) -> dict[str, int]:
    """Return how many tutors are at each level of risk, highest first."""
    counts = Counter(row["risk_level"] for row in tutors_at_risk(connection, limit=None, organization=organization))
    return {level: counts[level] for level in reversed(LEVELS)}


def tiers(connection: Connection, *, organization: str | None = None) -> dict[str | None, int]:
    """Return how many tutors are in each tier over 30 days; under None those with too little evidence."""
    rows = connection.execute(queries.load("tiers"), {"organization": organization})
    return {row.tier: row.tutors for row in rows}


def find_tutor(connection: Connection, name: str, *, organization: str | None = None) -> Mapping[str, Any]:
    """Return a tutor by the customer's id or by ours; raise UnknownTutorError, also when several are meant."""
    number = _number(name.removeprefix("#"))
    return _only(name, _tutors_named(connection, name, number, organization))


def find_one_tutor(connection: Connection, name: str, *, organization: str | None = None) -> Mapping[str, Any]:
    """Return a tutor by the customer's id, or by ours written `#57`: for what must not meet another person.

    Raises UnknownTutorError, also when several are meant, or when the customer calls another tutor `#57`.
    """
    number = _number(name.removeprefix("#"))
    found = _tutors_named(connection, name, number, organization)
    if name.startswith("#") and number is not None:
        for row in found:
            if row["tutor_id"] != number:
                raise UnknownTutorError(
                    f"{name!r} is what {row['organization']!r} calls our #{row['tutor_id']}: say that"
                )
        return _only(name, found)
    theirs = [row for row in found if row["external_id"] == name]
    if found and not theirs:
        raise UnknownTutorError(f"there is no tutor {name!r}; if you mean our number, say '#{number}'")
    return _only(name, theirs)


def _number(text: str) -> int | None:
    """Return a number that may be one of ours; a customer's id may be too long for one."""
    fits = text.isdecimal() and len(text) <= len(str(LARGEST_NUMBER)) and int(text) <= LARGEST_NUMBER
    return int(text) if fits else None


def _tutors_named(
    connection: Connection, name: str, number: int | None, organization: str | None
) -> Sequence[Mapping[str, Any]]:
    """Return whom the customers call by a name, and who has a number of ours."""
    statement = (
        select(tutors, organizations.c.name.label("organization"), organizations.c.synthetic)
        .join(organizations, tutors.c.organization_id == organizations.c.organization_id)
        .where(or_(tutors.c.external_id == name, tutors.c.tutor_id == number))
    )
    if organization is not None:
        statement = statement.where(organizations.c.name == organization)
    return [dict(row) for row in connection.execute(statement).mappings()]


def _only(name: str, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not rows:
        raise UnknownTutorError(f"there is no tutor {name!r}; python -m tutormax risk --json shows ids")
    if len(rows) > 1:
        places = ", ".join(repr(row["organization"]) for row in rows)
        raise UnknownTutorError(f"{name!r} is a tutor of {places}: say which with --organization")
    return rows[0]


def performance(connection: Connection, tutor_id: int) -> list[Mapping[str, Any]]:
    """Return a tutor's metrics over 7, 30 and 90 days as they are now, each with the quarter hour they hold since."""
    table = tutor_performance_metrics
    statement = (
        select(table)
        .ext(distinct_on(table.c.window_days))
        .where(table.c.tutor_id == tutor_id)
        .order_by(table.c.window_days, table.c.window_end.desc())
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def judged_until(connection: Connection, windows: Sequence[Mapping[str, Any]]) -> datetime | None:
    """Return the newest quarter hour at which a tutor with these metrics was judged; None if never."""
    newest: datetime | None = max((window["window_end"] for window in windows), default=None)
    if newest is None or not windows[0]["active"]:
        return newest
    evaluated = connection.execute(select(func.max(evaluations.c.window_end))).scalar_one()
    return newest if evaluated is None else max(newest, evaluated)


def scores(connection: Connection, tutor_id: int, *, limit: int) -> list[Mapping[str, Any]]:
    """Return a tutor's scores, newest first."""
    table = churn_predictions
    statement = (
        select(table)
        .where(table.c.tutor_id == tutor_id)
        .order_by(table.c.as_of.desc(), table.c.scored_at.desc())
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]
