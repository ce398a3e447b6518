"""Random facts that crowd around the edges of windows, days and thresholds, always the same for one seed."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from tests.factories import add_organization, add_student, add_tutor
from tutormax.tables import sessions, student_feedback, tutor_events

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
STATUSES = ("completed", "completed", "completed", "tutor_no_show", "student_no_show", "cancelled", "scheduled")
EVENTS = ("login", "login", "message_response", "reschedule", "availability_change")


def add_world(connection: Connection, window_end: datetime, *, seed: int, tutors: int = 12, facts: int = 1500) -> None:
    """Add some tutors of every age and their facts of 100 days before an instant and 2 after it."""
    draw = random.Random(seed)  # noqa: S311 - a test's world, nobody's secret
    organization = add_organization(connection)
    student = add_student(connection, organization=organization)
    ids = [
        add_tutor(connection, organization=organization, joined_at=window_end - draw.random() ** 2 * 150 * DAY)
        for _ in range(tutors)
    ]
    common = {"organization_id": organization, "student_id": student, "ingested_at": window_end}
    rows: dict[Any, list[dict[str, object]]] = {sessions: [], student_feedback: [], tutor_events: []}
    for number in range(facts):
        make = draw.choice((_session, _feedback, _event))
        table, row = make(draw, _instant(draw, window_end))
        rows[table].append(common | row | {"tutor_id": draw.choice(ids), "external_id": f"{seed} {number}"})
    for table, made in rows.items():
        connection.execute(insert(table), [{key: row[key] for key in row if key in table.c} for row in made])


def _instant(draw: random.Random, window_end: datetime) -> datetime:
    edge = window_end - draw.choice((0, 7, 30, 90)) * DAY + draw.choice((-1, 0, 1)) * MOMENT
    midnight = window_end.replace(hour=0, minute=0) - draw.randrange(95) * DAY + draw.choice((-1, 0)) * MOMENT
    recent = window_end - draw.random() * 9 * DAY
    anytime = window_end - draw.uniform(-2, 100) * DAY
    return draw.choice((edge, midnight, recent, anytime))


def _session(draw: random.Random, at: datetime) -> tuple[Any, dict[str, object]]:
    status = draw.choice(STATUSES)
    return sessions, {
        "scheduled_start": at,
        "session_number": draw.randint(1, 3),
        "duration_minutes": 60,
        "booked_at": at - DAY,
        "status": status,
        "ended_at": at + timedelta(hours=1) if status == "completed" else None,
        "cancelled_at": at if status == "cancelled" else None,
        "outcome_known_at": None if status == "scheduled" else at,
        # Given to every status, so that what a no-show brings along is seen not to count.
        "late_start_minutes": draw.choice((None, 0.0, 5.0, 5.5, 12.0)),
        "engagement_score": draw.choice((None, 0.0, 0.7, round(draw.random(), 6), 1.0)),
        "objectives_met": draw.choice((None, True, True, False)),
    }


def _feedback(draw: random.Random, at: datetime) -> tuple[Any, dict[str, object]]:
    return student_feedback, {
        "session_id": 1,
        "session_start": at - DAY,
        "rating": draw.randint(1, 5),
        "is_first_session": draw.random() < 0.4,
        "submitted_at": at,
    }


def _event(draw: random.Random, at: datetime) -> tuple[Any, dict[str, object]]:
    kind = draw.choice(EVENTS)
    return tutor_events, {
        "event_type": kind,
        "event_time": at,
        "value": draw.choice((None, draw.expovariate(1 / 60), draw.random() * 1e6)),
        "by_tutor": draw.choice((True, True, False)) if kind == "reschedule" else None,
    }
