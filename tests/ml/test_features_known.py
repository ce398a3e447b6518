"""A feature knows nothing that was learned after its instant: each clause of that rule has a case that needs it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, text

from ml.features.build import SQL, Spine, build
from tests.conftest import NOW
from tests.factories import add_event, add_feedback, add_session, add_tutor

LATER = NOW + timedelta(hours=1)
DAY = timedelta(days=1)
STATEMENT = (SQL / "features.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Case:
    """A clause, which of its occurrences, what removes it, and rows that only this clause keeps out."""

    name: str
    clause: str
    arrange: Callable[[Connection, int], object]
    occurrence: int = 0
    mutant: str = "true"

    def mutated(self) -> str:
        start = [match.start() for match in re.finditer(re.escape(self.clause), STATEMENT)][self.occurrence]
        return STATEMENT[:start] + self.mutant + STATEMENT[start + len(self.clause) :]


def late_outcome(connection: Connection, tutor: int) -> None:
    add_session(connection, tutor, scheduled_start=NOW - DAY, outcome_known_at=LATER)


def late_outcome_long_ago(connection: Connection, tutor: int) -> None:
    add_session(connection, tutor, scheduled_start=NOW - 100 * DAY, outcome_known_at=LATER)


def late_outcome_of_a_lost_student(connection: Connection, tutor: int) -> None:
    add_session(connection, tutor, scheduled_start=NOW - 45 * DAY, outcome_known_at=LATER)


def late_outcome_of_a_late_first_session(connection: Connection, tutor: int) -> None:
    session = add_session(
        connection,
        tutor,
        scheduled_start=NOW - DAY,
        session_number=1,
        late_start_minutes=30,
        outcome_known_at=LATER,
    )
    add_feedback(connection, session, rating=5, submitted_at=NOW)


def late_booking(connection: Connection, tutor: int) -> None:
    add_session(connection, tutor, status="scheduled", scheduled_start=NOW + DAY, booked_at=LATER)


def booking_cancelled_before(connection: Connection, tutor: int) -> None:
    add_session(connection, tutor, status="cancelled", scheduled_start=NOW + DAY, booked_at=NOW - DAY, cancelled_at=NOW)


def booking_cancelled_after(connection: Connection, tutor: int) -> None:
    add_session(
        connection, tutor, status="cancelled", scheduled_start=NOW + DAY, booked_at=NOW - DAY, cancelled_at=LATER
    )


def late_feedback(connection: Connection, tutor: int) -> None:
    session = add_session(connection, tutor, scheduled_start=NOW - DAY)
    add_feedback(connection, session, submitted_at=NOW, ingested_at=LATER)


def late_event(connection: Connection, tutor: int) -> None:
    add_event(connection, tutor, "login", ingested_at=LATER)


def late_availability(connection: Connection, tutor: int) -> None:
    add_event(connection, tutor, "availability_change", value=9, ingested_at=LATER)


def late_availability_before(connection: Connection, tutor: int) -> None:
    add_event(connection, tutor, "availability_change", value=9)
    add_event(connection, tutor, "availability_change", event_time=NOW - 5 * DAY, value=20, ingested_at=LATER)


def nothing(connection: Connection, tutor: int) -> None:
    """Leave the tutor without a row."""


OUTCOME, EVENT = "sessions.outcome_known_at <= known.as_of", "tutor_events.ingested_at <= known.as_of"
CANCELLED = "(sessions.cancelled_at is null or sessions.cancelled_at > known.as_of)"

CASES = (
    Case("tutors", "tutors.ingested_at <= asked.as_of", nothing),
    Case("sessions", OUTCOME, late_outcome),
    Case("students lost", OUTCOME, late_outcome_of_a_lost_student),
    Case("lifetime sessions", OUTCOME, late_outcome_long_ago, occurrence=1),
    Case("late first sessions", OUTCOME, late_outcome_of_a_late_first_session, occurrence=2),
    Case("bookings", "sessions.booked_at <= known.as_of", late_booking),
    Case("cancelled before", CANCELLED, booking_cancelled_before),
    Case("cancelled after", CANCELLED, booking_cancelled_after, mutant="sessions.cancelled_at is null"),
    Case("feedback", "student_feedback.ingested_at <= known.as_of", late_feedback),
    Case("events", EVENT, late_event),
    Case("latest availability", EVENT, late_availability, occurrence=1),
    Case("availability before", EVENT, late_availability_before, occurrence=2),
)


def late_tutor(connection: Connection, case: Case) -> int:
    known_at = LATER if case.name == "tutors" else NOW - 200 * DAY
    tutor = add_tutor(connection, joined_at=NOW - 200 * DAY, ingested_at=known_at)
    case.arrange(connection, tutor)
    return tutor


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mutant_without_the_clause_sees_what_was_learned_later(connection: Connection, case: Case) -> None:
    spine = Spine.at([late_tutor(connection, case)], NOW)

    honest = build(connection, spine)
    mutant = build(connection, spine, statement=text(case.mutated()))

    assert not np.array_equal(honest.values, mutant.values, equal_nan=True)


def test_every_clause_about_knowing_has_its_case() -> None:
    clauses = re.findall(r"\w+\.(?:ingested_at|outcome_known_at|booked_at|cancelled_at)\b[^\n]*", STATEMENT)

    cases = {(case.clause, case.occurrence) for case in CASES}

    assert len(clauses) == len(cases)


@pytest.mark.parametrize(
    ("arrange", "feature", "value"),
    [
        (late_outcome, "sessions_7d", 0),
        (late_outcome_long_ago, "lifetime_sessions", 0),
        (late_outcome_of_a_lost_student, "students_lost_30d", 0),
        (late_outcome_of_a_late_first_session, "first_failed_30d", 0),
        (late_booking, "upcoming_sessions_7d", 0),
        (booking_cancelled_before, "upcoming_sessions_7d", 0),
        (booking_cancelled_after, "upcoming_sessions_7d", 1),
        (late_feedback, "rating_count_30d", 0),
        (late_event, "logins_7d", 0),
        (late_availability, "availability_hours_latest", np.nan),
        (late_availability_before, "availability_change_pct_4w", np.nan),
    ],
)
def test_what_was_learned_later_is_not_seen_and_what_was_true_then_is(
    connection: Connection, arrange: Callable[[Connection, int], object], feature: str, value: float
) -> None:
    tutor = add_tutor(connection)
    arrange(connection, tutor)

    assert build(connection, Spine.at([tutor], NOW)).column(feature).tolist() == pytest.approx([value], nan_ok=True)


def test_what_was_learned_at_the_instant_itself_is_known(connection: Connection) -> None:
    tutor = add_tutor(connection, joined_at=NOW, ingested_at=NOW)
    add_event(connection, tutor, "login", event_time=NOW, ingested_at=NOW)
    add_session(connection, tutor, scheduled_start=NOW, outcome_known_at=NOW)

    matrix = build(connection, Spine.at([tutor], NOW))

    assert matrix.column("logins_7d").tolist() == matrix.column("sessions_7d").tolist() == [1]


def test_a_tutor_who_joins_later_is_not_known(connection: Connection) -> None:
    tutor = add_tutor(connection, joined_at=LATER, ingested_at=NOW - DAY)

    assert len(build(connection, Spine.at([tutor], NOW))) == 0
