"""Facts, and what is judged of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select

from tests.conftest import NOW
from tests.evaluation import twin
from tests.factories import add_event, add_feedback, add_session, add_student, add_tutor
from tutormax.evaluation import EvaluationSummary, evaluate_single_tutor, evaluate_tutors
from tutormax.tables import tutor_performance_metrics
from tutormax.windows import QUARTER_HOUR, Window

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
WINDOW = Window(NOW)
METRICS = [column for column in tutor_performance_metrics.c if column.name != "evaluated_at"]
PICTURE = [column for column in METRICS if column.name != "window_end"]


def judged(connection: Connection, tutor: int, *, days: int = 7, window: Window = WINDOW) -> Row[Any]:
    """Judge a tutor and return the row of one window."""
    evaluate_single_tutor(connection, tutor, window)
    return stored(connection, tutor, days=days, window=window)


def stored(connection: Connection, tutor: int, *, days: int = 7, window: Window = WINDOW) -> Row[Any]:
    """Return the row that holds at a window's end."""
    table = tutor_performance_metrics
    of = (table.c.tutor_id == tutor, table.c.window_days == days, table.c.window_end <= window.end)
    rows = connection.execute(select(table).where(*of).order_by(table.c.window_end.desc()).limit(1))
    return rows.one()


def evaluate(connection: Connection, window: Window = WINDOW) -> EvaluationSummary:
    return evaluate_tutors(connection, window)


def after(window: Window, quarters: int) -> Window:
    return Window(window.end + quarters * QUARTER_HOUR)


def add_sessions(connection: Connection, tutor: int, number: int, **facts: object) -> None:
    student = add_student(connection)
    for minute in range(number):
        start = NOW - HOUR - minute * timedelta(minutes=1)
        add_session(connection, tutor, **({"student_id": student, "scheduled_start": start} | facts))


def add_ratings(connection: Connection, tutor: int, *ratings: int, first: bool = False) -> None:
    session = add_session(connection, tutor, status="cancelled")
    for rating in ratings:
        add_feedback(connection, session, rating=rating, is_first_session=first, submitted_at=NOW)


def add_logins(connection: Connection, tutor: int, days: int) -> None:
    for day in range(days):
        add_event(connection, tutor, "login", event_time=NOW - day * DAY)


def add_teaching_tutor(connection: Connection) -> int:
    """Add a tutor who is active at NOW and for a day after it, and whose judgements else stay as they are."""
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=NOW - 2 * DAY)
    return tutor


FACTS: dict[str, tuple[Callable[[Connection, int, datetime], object], str, object]] = {
    "session": (lambda c, t, at: add_session(c, t, scheduled_start=at), "sessions_scheduled", 1),
    "feedback": (
        lambda c, t, at: add_feedback(c, add_session(c, t, status="cancelled"), rating=5, submitted_at=at),
        "average_rating",
        5.0,
    ),
    "reschedule": (lambda c, t, at: add_event(c, t, "reschedule", event_time=at), "reschedule_rate", 1.0),
    "response": (
        lambda c, t, at: add_event(c, t, "message_response", event_time=at, value=12.0),
        "response_time_average_minutes",
        12.0,
    ),
}


LATE: dict[str, Callable[[Connection, int, datetime, datetime], object]] = {
    "session": lambda c, t, at, known: add_session(
        c, t, scheduled_start=at, status="tutor_no_show", outcome_known_at=known, ingested_at=known
    ),
    "session of known outcome": lambda c, t, at, known: add_session(
        c, t, scheduled_start=at, status="tutor_no_show", outcome_known_at=at, ingested_at=known
    ),
    "feedback": lambda c, t, at, known: add_feedback(
        c, add_session(c, t, status="cancelled", ingested_at=NOW - DAY), submitted_at=at, ingested_at=known
    ),
    "login": lambda c, t, at, known: add_event(c, t, "login", event_time=at, ingested_at=known),
    "reschedule": lambda c, t, at, known: add_event(c, t, "reschedule", event_time=at, ingested_at=known),
    "response": lambda c, t, at, known: add_event(
        c, t, "message_response", event_time=at, value=30.0, ingested_at=known
    ),
}


def assert_as_the_twin(connection: Connection, window: Window) -> None:
    for (tutor, days), row in twin.judge_all(connection, window.end).items():
        found = stored(connection, tutor, days=days, window=window)
        for name, value in row.items():
            exact = value is None or isinstance(value, str)
            expected = value if exact else pytest.approx(float(value), rel=1e-12)
            assert getattr(found, name) == expected, (tutor, days, name)
