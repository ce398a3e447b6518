"""A small marketplace as another company's system would export it: text ids, flags, times without a zone."""

import csv
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

TUTORS = 12
DAYS = 60
SESSIONS_A_DAY = 2

Row = dict[str, object]


def write_export(directory: Path, until: datetime, *, seed: int = 5) -> list[str]:
    """Write four files whose rows end at an instant; the first tutor fell silent 12 days before. Return their paths."""
    draw = random.Random(seed)  # noqa: S311 - a fixed world
    days = [
        (f"t{tutor:02}", until - timedelta(days=day))
        for tutor in range(TUTORS)
        for day in range(DAYS, 12 if tutor == 0 else 0, -1)
    ]
    sessions = list(_sessions(days, draw))
    rows: dict[str, list[Row]] = {
        "tutors": [_tutor(f"t{tutor:02}", until) for tutor in range(TUTORS)],
        "sessions": sessions,
        "feedback": [
            _feedback(session, draw) for session in sessions if not session["no_show"] and draw.random() < 0.6
        ],
        "events": [_login(number, tutor, day) for number, (tutor, day) in enumerate(days)],
    }
    return [_written(directory / f"{name}.csv", of) for name, of in rows.items()]


def _tutor(tutor: str, until: datetime) -> Row:
    return {
        "tutor_id": tutor,
        "name": f"Tutor {tutor}",
        "subjects": '["Math"]',
        "onboarding_date": _stamp(until - timedelta(days=200)),
        "baseline_sessions_per_week": 14.0,
    }


def _sessions(days: list[tuple[str, datetime]], draw: random.Random) -> Iterator[Row]:
    for number in range(len(days) * SESSIONS_A_DAY):
        tutor, day = days[number // SESSIONS_A_DAY]
        start = day + timedelta(hours=2 + 3 * (number % SESSIONS_A_DAY))
        missed = draw.random() < 0.02
        yield {
            "session_id": f"s{number:05}",
            "tutor_id": tutor,
            "student_id": f"p{number % 40:02}",
            "session_number": 1 + number % 9,
            "scheduled_start": _stamp(start),
            "actual_start": "" if missed else _stamp(start),
            "duration_minutes": 0 if missed else 60,
            "no_show": missed,
            "tutor_initiated_reschedule": draw.random() < 0.05,
            "late_start_minutes": 0,
            "engagement_score": 0.0 if missed else round(draw.uniform(0.6, 1.0), 3),
            "learning_objectives_met": not missed,
            "technical_issues": False,
        }


def _feedback(session: Row, draw: random.Random) -> Row:
    return {
        "feedback_id": f"f {session['session_id']}",
        "session_id": session["session_id"],
        "student_id": session["student_id"],
        "tutor_id": session["tutor_id"],
        "overall_rating": draw.choice([3, 4, 5, 5]),
        "submitted_at": _stamp(datetime.fromisoformat(str(session["scheduled_start"])) + timedelta(hours=2)),
    }


def _login(number: int, tutor: str, day: datetime) -> Row:
    return {
        "event_id": f"e{number:05}",
        "tutor_id": tutor,
        "event_type": "login",
        "event_timestamp": _stamp(day + timedelta(hours=1)),
        "response_time_minutes": "",
    }


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}"


def _written(file: Path, rows: list[Row]) -> str:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(file)
