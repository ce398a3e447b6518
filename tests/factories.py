"""Valid rows with one call: a test states only what it is about."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import Connection, Table, insert, select

from tutormax.tables import churn_predictions, organizations, sessions, student_feedback, students, tutor_events, tutors

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
_numbers = count(1)


def add_organization(connection: Connection, *, name: str | None = None, synthetic: bool = False) -> int:
    """Add an organization; return its id."""
    values = {"name": name or f"organization {next(_numbers)}", "synthetic": synthetic}
    return _add(connection, organizations, values, "organization_id")


def add_tutor(connection: Connection, *, organization: int | None = None, **facts: object) -> int:
    """Add a tutor who joined 200 days before NOW and has been known since; return the id."""
    joined_at = facts.pop("joined_at", NOW - timedelta(days=200))
    values = {
        "organization_id": organization or add_organization(connection),
        "external_id": f"tutor {next(_numbers)}",
        "subjects": ["math"],
        "baseline_sessions_per_week": 15.0,
        "joined_at": joined_at,
        "ingested_at": joined_at,
    }
    return _add(connection, tutors, values | facts, "tutor_id")


def add_student(connection: Connection, *, organization: int | None = None) -> int:
    """Add a student; return the id."""
    values = {
        "organization_id": organization or add_organization(connection),
        "external_id": f"student {next(_numbers)}",
        "ingested_at": NOW - timedelta(days=200),
    }
    return _add(connection, students, values, "student_id")


def add_session(connection: Connection, tutor: int, **facts: object) -> int:
    """Add a session of a tutor, completed an hour before NOW unless the facts differ; return the id.

    What a status implies (end, outcome known, engagement, cancellation) follows it, and any of it may be given.
    """
    start = facts.get("scheduled_start", NOW - timedelta(hours=1))
    if not isinstance(start, datetime):
        raise TypeError(f"scheduled_start must be a datetime, not {start!r}")
    status = facts.get("status", "completed")
    end = start + timedelta(minutes=60)
    values: dict[str, object] = {
        "organization_id": _organization_of(connection, tutor),
        "external_id": f"session {next(_numbers)}",
        "tutor_id": tutor,
        "session_number": 2,
        "scheduled_start": start,
        "duration_minutes": 60,
        "booked_at": start - timedelta(days=3),
        "status": status,
        "outcome_known_at": None if status == "scheduled" else end,
        "cancelled_at": start - timedelta(hours=5) if status == "cancelled" else None,
        "ingested_at": start - timedelta(days=3) if status == "scheduled" else end,
    }
    if status == "completed":
        values |= {
            "actual_start": start,
            "ended_at": end,
            "late_start_minutes": 0.0,
            "engagement_score": 0.8,
            "objectives_met": True,
            "technical_issues": False,
        }
    if "student_id" not in facts:
        values["student_id"] = add_student(connection, organization=int(str(values["organization_id"])))
    return _add(connection, sessions, values | facts, "session_id")


def add_feedback(connection: Connection, session: int, *, rating: int = 5, **facts: object) -> int:
    """Add a student's rating of a session, given an hour after its start; return the id."""
    of = connection.execute(select(sessions).where(sessions.c.session_id == session)).one()
    submitted_at = facts.get("submitted_at", of.scheduled_start + timedelta(hours=1))
    values = {
        "organization_id": of.organization_id,
        "external_id": f"feedback {next(_numbers)}",
        "session_id": session,
        "session_start": of.scheduled_start,
        "tutor_id": of.tutor_id,
        "student_id": of.student_id,
        "rating": rating,
        "is_first_session": of.session_number == 1,
        "submitted_at": submitted_at,
        "ingested_at": submitted_at,
    }
    return _add(connection, student_feedback, values | facts, "feedback_id")


def add_event(connection: Connection, tutor: int, event_type: str, **facts: object) -> int:
    """Add an event of a tutor, an hour before NOW unless the facts differ; return the id."""
    event_time = facts.get("event_time", NOW - timedelta(hours=1))
    values = {
        "organization_id": _organization_of(connection, tutor),
        "external_id": f"event {next(_numbers)}",
        "tutor_id": tutor,
        "event_type": event_type,
        "event_time": event_time,
        "by_tutor": True if event_type == "reschedule" else None,
        "ingested_at": event_time,
    }
    return _add(connection, tutor_events, values | facts, "event_id")


def add_score(connection: Connection, tutor: int, as_of: datetime) -> int:
    """Score a tutor at an instant, by the rule and as critical; return the tutor's id."""
    values = {
        "tutor_id": tutor,
        "as_of": as_of,
        "model_id": "rule",
        "p30": 0.81,
        "churn_score": 81,
        "risk_level": "critical",
        "churn_predicted": True,
        "reasons": {"factors": []},
        "trigger": "nightly",
    }
    return _add(connection, churn_predictions, values, "tutor_id")


def _organization_of(connection: Connection, tutor: int) -> int:
    statement = select(tutors.c.organization_id).where(tutors.c.tutor_id == tutor)
    return int(connection.execute(statement).scalar_one())


def _add(connection: Connection, table: Table, values: Mapping[str, object], key: str) -> int:
    return int(connection.execute(insert(table).values(dict(values)).returning(table.c[key])).scalar_one())
