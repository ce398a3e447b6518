"""The rules of evaluation once more, in plain Python over rows in memory: what the SQL is held equal to."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Table, select

from tutormax.tables import sessions, student_feedback, tutor_events, tutors

Facts = Mapping[str, Any]
Rows = list[Facts]
Number = int | Fraction

SCHEDULED = {"completed", "tutor_no_show", "student_no_show"}


def judge_all(connection: Connection, window_end: datetime) -> dict[tuple[int, int], dict[str, Any]]:
    """Return what tutor_performance_metrics should hold for one window end, by tutor and window."""
    known = {table.name: _rows(connection, table) for table in (tutors, sessions, student_feedback, tutor_events)}
    return {
        (tutor["tutor_id"], days): judge(tutor, known, window_end, days)
        for tutor in known["tutors"]
        for days in (7, 30, 90)
    }


def judge(tutor: Facts, known: Mapping[str, Rows], window_end: datetime, days: int) -> dict[str, Any]:
    """Judge one tutor over one window."""

    def happened(table: str, column: str) -> Rows:
        start = window_end - timedelta(days=days)
        return [
            row for row in known[table] if row["tutor_id"] == tutor["tutor_id"] and start < row[column] <= window_end
        ]

    scheduled = [row for row in happened("sessions", "scheduled_start") if row["status"] in SCHEDULED]
    completed = [row for row in scheduled if row["status"] == "completed"]
    missed = [row for row in scheduled if row["status"] == "tutor_no_show"]
    feedback = happened("student_feedback", "submitted_at")
    firsts = [row for row in feedback if row["is_first_session"]]
    events = happened("tutor_events", "event_time")
    moved = [row for row in events if row["event_type"] == "reschedule" and row["by_tutor"]]
    answers = [row["value"] for row in events if row["event_type"] == "message_response" and row["value"] is not None]
    metrics = {
        "average_rating": _mean(row["rating"] for row in feedback),
        "first_session_success_rate": _mean(row["rating"] >= 4 for row in firsts),
        "reschedule_rate": _share(len(moved), len(scheduled) + len(moved)),
        "no_show_rate": _share(len(missed), len(scheduled)),
        "engagement_score": _engagement(tutor, window_end, days, completed, events),
        "learning_objectives_met_pct": _percent(_mean(_given(completed, "objectives_met"))),
    }
    green, red = _flags(metrics)
    return {
        "sessions_scheduled": len(scheduled),
        "sessions_completed": len(completed),
        "no_show_count": len(missed),
        "response_time_average_minutes": _mean(Fraction(str(value)) for value in answers),
        "green_flags": green,
        "red_flags": red,
        "tier": _tier(len(scheduled), green, red),
        **metrics,
    }


def _engagement(tutor: Facts, window_end: datetime, days: int, completed: Rows, events: Rows) -> Fraction | None:
    login_days = {row["event_time"].astimezone(UTC).date() for row in events if row["event_type"] == "login"}
    tenure = Fraction((window_end - tutor["joined_at"]) // timedelta(microseconds=1), 86_400_000_000)
    exposed = max(Fraction(1), min(Fraction(days), tenure))
    logins = min(Fraction(1), len(login_days) / (Fraction(5, 7) * exposed))
    # A stored real has seven digits; the sixth decimal is the last that was meant.
    scores = _mean(Fraction(f"{value:.6f}") for value in _given(completed, "engagement_score"))
    on_time = _mean(late <= 5 for late in _given(completed, "late_start_minutes"))
    if scores is None or on_time is None:
        return None
    exact = Fraction(2, 5) * logins + Fraction(2, 5) * scores + Fraction(1, 5) * on_time
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    return Fraction(decimal.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP))


def _flags(metrics: Mapping[str, Fraction | None]) -> tuple[int, int]:
    rules: dict[str, tuple[Callable[[Fraction], bool], Callable[[Fraction], bool]]] = {
        "average_rating": (lambda x: x >= Fraction("4.5"), lambda x: x < Fraction("3.5")),
        "first_session_success_rate": (lambda x: x >= Fraction("0.85"), lambda x: x < Fraction("0.7")),
        "reschedule_rate": (lambda x: x <= Fraction("0.1"), lambda x: x > Fraction("0.15")),
        "no_show_rate": (lambda x: x == 0, lambda x: x > Fraction("0.05")),
        "engagement_score": (lambda x: x >= Fraction("0.8"), lambda x: x < Fraction("0.6")),
        "learning_objectives_met_pct": (lambda x: x >= 90, lambda x: x < 80),
    }
    known = [(rules[name], value) for name, value in metrics.items() if value is not None]
    return sum(green(value) for (green, _), value in known), sum(red(value) for (_, red), value in known)


def _tier(scheduled: int, green: int, red: int) -> str | None:
    if scheduled < 5:
        return None
    if red:
        return "at_risk" if red >= 3 else "needs_attention"
    if green >= 5:
        return "exemplary"
    return "strong" if green >= 3 else "developing"


def _given(rows: Rows, column: str) -> list[Any]:
    return [row[column] for row in rows if row[column] is not None]


def _mean(values: Iterable[Number]) -> Fraction | None:
    numbers = [Fraction(value) for value in values]
    return sum(numbers, Fraction()) / len(numbers) if numbers else None


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def _percent(share: Fraction | None) -> Fraction | None:
    return None if share is None else 100 * share


def _rows(connection: Connection, table: Table) -> Rows:
    return [dict(row) for row in connection.execute(select(table)).mappings()]
