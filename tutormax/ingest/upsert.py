"""Staged rows into the tables: what contradicts the database is refused, the rest inserted, updated or left alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, exists, select

from tutormax import hindsight, planner, queries, rescoring, tables
from tutormax.ingest.batch import Refusal, shown
from tutormax.ingest.kinds import Kind

# The column by whose months each partitioned kind is stored.
TIMES = {Kind.SESSIONS: "scheduled_start", Kind.FEEDBACK: "submitted_at", Kind.EVENTS: "event_time"}
TABLES = {
    Kind.TUTORS: tables.tutors,
    Kind.STUDENTS: tables.students,
    Kind.SESSIONS: tables.sessions,
    Kind.FEEDBACK: tables.student_feedback,
    Kind.EVENTS: tables.tutor_events,
}
MANY_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What the staged rows of one file changed."""

    inserted: int = 0
    updated: int = 0
    derived: int = 0


def refuse(connection: Connection, kind: Kind, now: datetime, names: Mapping[str, str]) -> list[Refusal]:
    """Take the rows out of the staging table that contradict each other or what is known; return why.

    `names` has the file's names for our columns.
    """
    rows = _result(connection, f"refuse_{kind}", {"now": now})
    return [
        Refusal(row.line, names.get(row.column_name, row.column_name), shown(row.value), row.reason) for row in rows
    ]


def months(kind: Kind, rows: Any) -> set[datetime]:
    """Return the months that checked rows need partitions for."""
    if kind not in TIMES:
        return set()
    found = np.unique(rows[TIMES[kind]].to_numpy().astype("datetime64[M]"))
    return {month.replace(tzinfo=UTC) for month in found.astype("datetime64[s]").tolist()}


def write(connection: Connection, kind: Kind, organization: int, now: datetime, absent: Sequence[str]) -> Change:
    """Write an organization's staged rows and ask for new scores of the tutors whose picture they change.

    `absent` names our columns of which the file says nothing: what is known of them stays.
    """
    told = {"now": now, "absent": list(absent), "any_known": _any_known(connection, kind, organization)}
    if kind is Kind.TUTORS and absent:
        _result(connection, f"recall_{kind}", told)
    if kind is Kind.SESSIONS:
        registered = _result(connection, "register_students", told).rowcount
        _count_anew(connection, Kind.STUDENTS, registered)
    row = _result(connection, f"upsert_{kind}", told).one()
    tutors, derived = set(row.rescored), 0
    told_from = [row.told_from] if kind in TIMES else []
    if kind is Kind.SESSIONS:
        moved = {"sessions": row.replanned, "tutors": row.former_tutors}
        if row.replanned:
            _result(connection, "follow_sessions", moved)
        reschedules = _result(connection, "derive_reschedules", told).one()
        tutors |= {*row.former_tutors, *reschedules.rescored}
        derived = reschedules.inserted
        told_from.append(reschedules.told_from)
    rescoring.request(connection, tutors, f"ingest of {kind}")
    # What training had computed, and this file says was otherwise all along.
    if (since := min(filter(None, told_from), default=now)) < now:
        hindsight.forget_training_features(connection, organization, since)
    if kind is Kind.TUTORS and row.told_anew:
        hindsight.forget_training_features_of(connection, row.told_anew)
    _count_anew(connection, kind, row.inserted + row.updated)
    _count_anew(connection, Kind.EVENTS, derived)
    return Change(row.inserted, row.updated, derived)


def _any_known(connection: Connection, kind: Kind, organization: int) -> bool:
    """Tell whether anything is known of what the staged rows are about: what comes in first has no past to look up."""
    if kind not in TIMES:
        return True
    known = exists().where(TABLES[kind].c.organization_id == organization)
    return bool(connection.execute(select(known)).scalar())


def _count_anew(connection: Connection, kind: Kind, written: int) -> None:
    """Let the planner know of many new rows: until autovacuum does, it would expect none of a new organization's."""
    # Tutors are few, and every other kind is joined with them.
    if written >= (1 if kind is Kind.TUTORS else MANY_ROWS):
        planner.count_anew(connection, TABLES[kind].name)


def _result(connection: Connection, name: str, values: Mapping[str, Any]) -> Any:
    """Run one of our statements with those of some values that it names."""
    statement = queries.load(f"ingest/{name}")
    wanted = statement.compile().params
    return connection.execute(statement, {key: value for key, value in values.items() if key in wanted})
