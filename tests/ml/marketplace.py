"""Random rows around NOW: many of them on the very edges of windows, known late, cancelled, or without values."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection, insert

from tests.conftest import NOW
from tests.factories import add_organization, add_student, add_tutor
from tutormax.tables import sessions, student_feedback, tutor_events

EVENT_TYPES = ("login", "message_response", "reschedule", "availability_change", "training_completed")
STATUSES = ("completed", "tutor_no_show", "student_no_show", "cancelled", "scheduled")
EDGES = (0, 7, 14, 30, 60, 90, 118)


class Chance:
    """Draws of one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def happens(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def instant(self, oldest: int, newest: int) -> datetime:
        """Draw an instant so many days before and after NOW; one in six lies on an edge of a window."""
        if self.happens(1 / 6):
            return NOW - timedelta(days=int(self.rng.choice(EDGES)), microseconds=int(self.rng.integers(-1, 2)))
        return NOW + timedelta(seconds=int(self.rng.integers(-oldest * 86400, newest * 86400)))

    def known(self, at: datetime) -> datetime:
        """Draw when something of an instant was learned: mostly at once, sometimes days later."""
        return at + timedelta(days=float(self.rng.choice([0, 0, 0, 0.5, 3, 20])))

    def number(self, scale: float, missing: float = 0.1) -> float | None:
        return None if self.happens(missing) else float(self.rng.gamma(2, scale / 2))


def fill(connection: Connection, seed: int, tutors: int) -> list[int]:
    """Add tutors with their rows; return their ids."""
    chance, organization = Chance(seed), add_organization(connection, synthetic=True)
    students = [add_student(connection, organization=organization) for _ in range(12)]
    ids = [_tutor(connection, chance, organization) for _ in range(tutors)]
    whose = [{"organization_id": organization, "tutor_id": tutor} for tutor in ids]
    taught = [session for common in whose for session in _sessions(chance, common, students)]
    made = connection.execute(
        insert(sessions).returning(sessions.c.session_id, sort_by_parameter_order=True), taught
    ).scalars()
    connection.execute(insert(student_feedback), list(_feedback(chance, taught, list(made))))
    connection.execute(insert(tutor_events), [event for common in whose for event in _events(chance, common)])
    return ids


def _tutor(connection: Connection, chance: Chance, organization: int) -> int:
    joined_at = NOW - timedelta(days=float(chance.rng.choice([0.5, 20, 44.9, 45, 80, 300])))
    return add_tutor(
        connection,
        organization=organization,
        joined_at=joined_at,
        ingested_at=joined_at + timedelta(days=float(chance.rng.choice([0, 0, 1]))),
        baseline_sessions_per_week=chance.number(15),
        subjects=[["math"], ["French"], ["AP Test Prep", "physics"], [], None][int(chance.rng.integers(5))],
    )


def _sessions(chance: Chance, common: dict[str, int], students: list[int]) -> Iterator[dict[str, object]]:
    for number in range(int(chance.rng.integers(3, 90))):
        start = chance.instant(150, 10)
        status = str(chance.rng.choice(STATUSES, p=[0.6, 0.12, 0.08, 0.1, 0.1]))
        booked_at = start - timedelta(days=float(chance.rng.choice([0.1, 2, 9])))
        yield {
            **common,
            "external_id": f"{common['tutor_id']}/{number}",
            "student_id": int(chance.rng.choice(students)),
            "session_number": int(chance.rng.integers(1, 5)),
            "scheduled_start": start,
            "duration_minutes": 60,
            "booked_at": booked_at,
            "cancelled_at": booked_at + timedelta(days=1) if status == "cancelled" else None,
            "status": status,
            "actual_start": start if status == "completed" else None,
            "ended_at": start + timedelta(hours=1) if status == "completed" else None,
            "outcome_known_at": None if status == "scheduled" else chance.known(start),
            "late_start_minutes": chance.number(6),
            "engagement_score": None if chance.happens(0.1) else float(chance.rng.random()),
            "objectives_met": None if chance.happens(0.1) else chance.happens(0.7),
            "technical_issues": None if chance.happens(0.1) else chance.happens(0.2),
            "tutor_replaced": chance.happens(0.1),
            "ingested_at": booked_at,
        }


def _feedback(chance: Chance, taught: list[dict[str, object]], ids: list[int]) -> Iterator[dict[str, object]]:
    for session, session_id in zip(taught, ids, strict=True):
        if session["status"] != "completed" or chance.happens(0.2):
            continue
        submitted_at = chance.instant(130, 5)
        yield {
            "organization_id": session["organization_id"],
            "external_id": f"feedback of {session['external_id']}",
            "session_id": session_id,
            "session_start": session["scheduled_start"],
            "tutor_id": session["tutor_id"],
            "student_id": session["student_id"],
            "rating": int(chance.rng.integers(1, 6)),
            "is_first_session": session["session_number"] == 1,
            "submitted_at": submitted_at,
            "ingested_at": chance.known(submitted_at),
        }


def _events(chance: Chance, common: dict[str, int]) -> Iterator[dict[str, object]]:
    for number in range(int(chance.rng.integers(2, 120))):
        event_time = chance.instant(150, 5)
        yield {
            **common,
            "external_id": f"{common['tutor_id']}/{number}",
            "event_type": str(chance.rng.choice(EVENT_TYPES)),
            "event_time": event_time,
            "value": chance.number(30),
            "by_tutor": [True, False, None][int(chance.rng.integers(3))],
            "ingested_at": chance.known(event_time),
        }
