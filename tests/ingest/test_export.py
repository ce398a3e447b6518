"""Another company's export, with all its habits, comes in whole."""

import json
import random
from datetime import datetime, timedelta

from tests.ingest.files import NOW, Desk, Row
from tutormax.ingest import Kind

START = (NOW - timedelta(days=60)).replace(tzinfo=None)
TUTORS = 6
SESSIONS = 80


def stamp(time: datetime) -> str:
    """Return a time as the export writes it: no zone, microseconds."""
    return f"{time.isoformat()}.149784"


def tutor(number: int) -> Row:
    return {
        "tutor_id": f"tutor_{number:05}",
        "name": f"Tutor {number}",
        "email": f"tutor{number}@example.net",
        "subjects": json.dumps(["Spanish", "English"][: 1 + number % 2]),
        "subject_type": "Language",
        "onboarding_date": stamp(START + timedelta(days=number)),
        "baseline_sessions_per_week": 44.776119402985074,
        "created_at": stamp(START),
    }


def session(number: int, draw: random.Random) -> Row:
    start = START + timedelta(hours=18 * number)
    missed = number % 8 == 3
    # Some no-shows have a start all the same, and nobody knows why.
    started = not missed or number % 16 == 3
    return {
        "session_id": f"00000000-0000-4000-8000-{number:012}",
        "tutor_id": f"tutor_{number % TUTORS:05}",
        "student_id": f"student_{number % 7:05}",
        "session_number": 1 + number // 7,
        "is_first_session": number < 7,
        "scheduled_start": stamp(start),
        "actual_start": stamp(start + timedelta(minutes=number % 3)) if started else "",
        "duration_minutes": 60 if started else 0,
        "subject": draw.choice(["Spanish", "AP Test Prep"]),
        "session_type": "1-on-1",
        "tutor_initiated_reschedule": number % 10 == 0,
        "no_show": missed,
        "late_start_minutes": number % 3 if started else 0,
        "engagement_score": round(draw.uniform(0.4, 1), 3) if started else 0.0,
        "learning_objectives_met": bool(draw.randrange(2)),
        "technical_issues": False,
        "created_at": stamp(NOW.replace(tzinfo=None)),
    }


def feedback(of: Row, draw: random.Random) -> Row:
    start = datetime.fromisoformat(str(of["scheduled_start"]))
    return {
        "feedback_id": f"f-{of['session_id']}",
        **{name: of[name] for name in ("session_id", "student_id", "tutor_id", "is_first_session")},
        "overall_rating": draw.randint(1, 5),
        "patience_rating": 4,
        "free_text_feedback": draw.choice(["", "Patient, kind, and clear"]),
        "submitted_at": (start + timedelta(hours=9)).isoformat(),
    }


def event(number: int) -> Row:
    answered = number % 2 == 1
    return {
        "tutor_id": f"tutor_{number % TUTORS:05}",
        "event_type": "message_response" if answered else "login",
        "event_timestamp": f"{START + timedelta(hours=number):%Y-%m-%d %H:%M:%S}.363009622",
        "response_time_minutes": 2.46 if answered else "",
        "event_id": f"ev_{number:08}",
    }


def test_an_export_comes_in_whole(desk: Desk) -> None:
    draw = random.Random(11)  # noqa: S311 - a fixed world
    sessions = [session(number, draw) for number in range(SESSIONS)]
    ratings = [feedback(row, draw) for row in sessions if not row["no_show"]]
    paths = [
        desk.write("events.csv.gz", [event(number) for number in range(100)]),
        desk.write("feedback.csv.gz", ratings),
        desk.write("sessions.csv.gz", sessions),
        desk.write("tutors.csv", [tutor(number) for number in range(TUTORS)]),
    ]

    reports = desk.take_in(*paths)

    assert [(report.kind, report.inserted, report.refused) for report in reports] == [
        (Kind.TUTORS, TUTORS, 0),
        (Kind.SESSIONS, SESSIONS, 0),
        (Kind.FEEDBACK, len(ratings), 0),
        (Kind.EVENTS, 100, 0),
    ]
    assert reports[1].derived == SESSIONS // 10
    assert reports[1].ignored_columns == ("session_type", "created_at")
    assert {row.status for row in desk.rows("sessions")} == {"completed", "tutor_no_show"}
    assert [report.unchanged for report in desk.take_in(*paths)] == [TUTORS, SESSIONS, len(ratings), 100]
