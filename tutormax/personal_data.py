"""What is held about one tutor: all of it for whoever asks, and none of it after an erasure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, text

from tutormax import queries, rollup, writers
from tutormax.tables import (
    audit_log,
    churn_predictions,
    feature_names,
    feature_snapshots,
    organizations,
    sessions,
    student_feedback,
    touched_days,
    touched_tutors,
    tutor_days,
    tutor_events,
    tutor_performance_metrics,
    tutor_windows,
    tutors,
)
from tutormax.tutors import UnknownTutorError

# Every table with rows about a tutor, in the order in which they may go; a test holds it complete.
ABOUT: tuple[Table, ...] = (
    churn_predictions,
    feature_snapshots,
    tutor_performance_metrics,
    tutor_events,
    student_feedback,
    sessions,
    # What these leave behind as they go.
    touched_days,
    touched_tutors,
    tutor_windows,
    tutor_days,
    tutors,
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many rows went from each table."""

    rows: Mapping[str, int]
    jobs: int


def erase(connection: Connection, tutor_id: int, *, who: str, reason: str) -> Erasure:
    """Remove everything held about a tutor, and write down that it was done without saying who that was.

    Raises UnknownTutorError. Nothing is added meanwhile: it waits for who writes facts of the tutor's organization,
    then for who sums up days or writes judgements, and only then locks the tutor's row, which these refer to.
    """
    whose = (
        select(organizations.c.name)
        .join(tutors, tutors.c.organization_id == organizations.c.organization_id)
        .where(tutors.c.tutor_id == tutor_id)
    )
    if (organization := connection.execute(whose).scalar_one_or_none()) is not None:
        # A file of millions of rows comes in for as long as it takes.
        connection.execute(text("select set_config('statement_timeout', '1h', true)"))
        writers.lock(connection, organization)
    rollup.lock(connection)
    held = select(tutors.c.tutor_id).where(tutors.c.tutor_id == tutor_id).with_for_update()
    # Whoever was waited for may have erased the same tutor.
    if connection.execute(held).one_or_none() is None:
        raise UnknownTutorError(f"there is no tutor {tutor_id}")
    jobs = connection.execute(queries.load("erase_jobs_of_tutor"), {"tutor_id": str(tutor_id)}).rowcount
    rows = {
        table.name: connection.execute(delete(table).where(table.c.tutor_id == tutor_id)).rowcount for table in ABOUT
    }
    erasure = Erasure(rows, jobs)
    # Our own number of a tutor who is gone leads to nobody any more.
    values = {"who": who, "action": "erase tutor", "subject": f"tutor {tutor_id}", "reason": reason}
    connection.execute(insert(audit_log).values(**values, details=asdict(erasure)))
    return erasure


def held_about(connection: Connection, tutor_id: int) -> dict[str, Any]:
    """Return every row about a tutor, by table; features carry their names where these are known."""
    held: dict[str, Any] = {table.name: _rows(connection, table, tutor_id) for table in reversed(ABOUT)}
    names = {row.feature_version: row.names for row in connection.execute(select(feature_names))}
    for row in held[feature_snapshots.name]:
        if known := names.get(row["feature_version"]):
            row["features"] = dict(zip(known, row["features"], strict=True))
    return held


def _rows(connection: Connection, table: Table, tutor_id: int) -> Sequence[dict[str, Any]]:
    ordered = select(table).where(table.c.tutor_id == tutor_id).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(ordered).mappings()]
