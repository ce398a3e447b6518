"""What one would write: SQLAlchemy's ORM, three queries a tutor and window, sums in Python, a commit a tutor.

The rules are those of `evaluation/judge.sql`, and a test holds both to the same numbers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Session

from tutormax import db, tables
from tutormax.windows import WINDOW_DAYS

# By metric: what raises a green flag, and what a red one.
RULES: Mapping[str, tuple[Callable[[float], bool], Callable[[float], bool]]] = {
    "average_rating": (lambda x: x >= 4.5, lambda x: x < 3.5),
    "first_session_success_rate": (lambda x: x >= 0.85, lambda x: x < 0.70),
    "reschedule_rate": (lambda x: x <= 0.10, lambda x: x > 0.15),
    "no_show_rate": (lambda x: x == 0, lambda x: x > 0.05),
    "engagement_score": (lambda x: x >= 0.80, lambda x: x < 0.60),
    "learning_objectives_met_pct": (lambda x: x >= 90, lambda x: x < 80),
}
COUNTED = ("completed", "tutor_no_show", "student_no_show")


class Base(DeclarativeBase):
    """The tables as they are."""

    metadata = tables.metadata


class Tutor(Base):
    """A tutor."""

    __table__ = tables.tutors


class TaughtSession(Base):
    """A session."""

    __table__ = tables.sessions


class Feedback(Base):
    """What a student said."""

    __table__ = tables.student_feedback


class Event(Base):
    """What a tutor did."""

    __table__ = tables.tutor_events


class Performance(Base):
    """How a tutor did."""

    __table__ = tables.tutor_performance_metrics


def evaluate(tutor_ids: Collection[int], window_end: datetime) -> None:
    """Judge tutors over the three windows that end at an instant."""
    with Session(db.engine()) as session:
        for tutor_id in tutor_ids:
            tutor = session.get_one(Tutor, tutor_id)
            for days in WINDOW_DAYS:
                session.merge(Performance(**_judged(session, tutor, window_end, days)))
            session.commit()


def insert_sessions(rows: Sequence[Mapping[str, Any]]) -> None:
    """Add sessions."""
    with Session(db.engine()) as session:
        session.add_all([TaughtSession(**row) for row in rows])
        session.commit()


def _judged(session: Session, tutor: Any, window_end: datetime, days: int) -> dict[str, Any]:
    def happened(of: Any, when: str) -> list[Any]:
        at, since = getattr(of, when), window_end - timedelta(days=days)
        found = select(of).where(of.tutor_id == tutor.tutor_id, at > since, at <= window_end)
        return list(session.scalars(found))

    taught = [each for each in happened(TaughtSession, "scheduled_start") if each.status in COUNTED]
    rated = happened(Feedback, "submitted_at")
    events = happened(Event, "event_time")
    completed = [each for each in taught if each.status == "completed"]
    no_shows = sum(each.status == "tutor_no_show" for each in taught)
    moved = sum(each.event_type == "reschedule" and bool(each.by_tutor) for each in events)
    logins = {each.event_time.astimezone(UTC).date() for each in events if each.event_type == "login"}
    exposed = max(1.0, min(float(days), (window_end - tutor.joined_at) / timedelta(days=1)))
    scores = _mean(each.engagement_score for each in completed)
    on_time = _mean(None if each.late_start_minutes is None else each.late_start_minutes <= 5 for each in completed)
    metrics = {
        "average_rating": _mean(each.rating for each in rated),
        "first_session_success_rate": _mean(each.rating >= 4 for each in rated if each.is_first_session),
        "reschedule_rate": moved / (len(taught) + moved) if taught or moved else None,
        "no_show_rate": no_shows / len(taught) if taught else None,
        "engagement_score": None
        if scores is None or on_time is None
        else round(0.4 * min(1.0, len(logins) * 7 / (exposed * 5)) + 0.4 * scores + 0.2 * on_time, 6),
        "learning_objectives_met_pct": _mean(
            None if each.objectives_met is None else 100 * each.objectives_met for each in completed
        ),
    }
    green, red = _flags(metrics)
    return metrics | {
        "tutor_id": tutor.tutor_id,
        "window_days": days,
        "window_end": window_end,
        "active": True,
        "sessions_scheduled": len(taught),
        "sessions_completed": len(completed),
        "no_show_count": no_shows,
        "response_time_average_minutes": _mean(each.value for each in events if each.event_type == "message_response"),
        "green_flags": green,
        "red_flags": red,
        "tier": _tier(len(taught), green, red),
        "evaluated_at": datetime.now(UTC),
    }


def _mean(values: Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None


def _flags(metrics: Mapping[str, float | None]) -> tuple[int, int]:
    known = [(value, RULES[name]) for name, value in metrics.items() if value is not None]
    return sum(good(value) for value, (good, _) in known), sum(bad(value) for value, (_, bad) in known)


def _tier(scheduled: int, green: int, red: int) -> str | None:
    if scheduled < 5:
        return None
    if red:
        return "at_risk" if red >= 3 else "needs_attention"
    if green >= 5:
        return "exemplary"
    return "strong" if green >= 3 else "developing"
