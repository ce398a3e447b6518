"""What a marketplace left in the database, by names that do not depend on identity keys."""

from typing import Any

from sqlalchemy import Connection, text

QUERIES = {
    "tutors": """
        select external_id, name, subjects, baseline_sessions_per_week, joined_at, ingested_at
        from tutors where organization_id = :organization_id
    """,
    "students": "select external_id, ingested_at from students where organization_id = :organization_id",
    "sessions": """
        select
            sessions.external_id, tutors.external_id as tutor, students.external_id as student, session_number, subject,
            scheduled_start, duration_minutes, booked_at, cancelled_at, status, actual_start, ended_at,
            outcome_known_at, late_start_minutes, engagement_score, objectives_met, technical_issues, tutor_replaced,
            sessions.ingested_at
        from sessions join tutors using (tutor_id) join students using (student_id)
        where sessions.organization_id = :organization_id
    """,
    "feedback": """
        select
            student_feedback.external_id, sessions.external_id as session, session_start, scheduled_start, rating,
            is_first_session, session_number, submitted_at, student_feedback.ingested_at,
            sessions.tutor_id = student_feedback.tutor_id and sessions.student_id = student_feedback.student_id as agree
        from student_feedback join sessions using (session_id)
        where student_feedback.organization_id = :organization_id
    """,
    "events": """
        select tutor_events.external_id, tutors.external_id as tutor, event_type, event_time, value, by_tutor,
            tutor_events.ingested_at
        from tutor_events join tutors using (tutor_id) where tutor_events.organization_id = :organization_id
    """,
}


def rows_of(connection: Connection, organization_id: int) -> dict[str, list[Any]]:
    """Return every row of an organization, in the order of their names."""
    return {
        table: sorted(tuple(row) for row in connection.execute(text(query), {"organization_id": organization_id}))
        for table, query in QUERIES.items()
    }


def one(connection: Connection, statement: str, organization_id: int) -> Any:
    """Return the single value that a statement about an organization finds."""
    return connection.execute(text(statement), {"organization_id": organization_id}).scalar_one()
