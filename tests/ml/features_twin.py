"""The 58 features once more, in plain Python over a tutor's rows: what the statement must agree with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Table, select

from tutormax.tables import sessions, student_feedback, tutor_events, tutors

Rows = Sequence[Row[Any]]
STEM = ("stem", "math", "science", "algebra", "geometry", "calculus", "statistic", "physics", "chemistry", "biology")
TEST_PREP = {"prep", "test_prep", "sat", "act", "gre", "gmat"}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a tutor at an instant."""

    as_of: datetime
    tutor: Row[Any]
    held: Rows
    rated: Rows
    events: Rows
    every_session: Rows

    def within(self, rows: Iterable[Row[Any]], days: float, after: float = 0) -> Rows:
        """Return the rows of the window from `days` to `after` days ago."""
        oldest, newest = self.as_of - timedelta(days=days), self.as_of - timedelta(days=after)
        return [row for row in rows if oldest < row.at <= newest]

    def age(self, rows: Iterable[Row[Any]]) -> float:
        """Return the days since the newest row."""
        return min((days_between(row.at, self.as_of) for row in rows), default=np.nan)

    def kind(self, *kinds: str) -> Rows:
        """Return the events of some kinds."""
        return [event for event in self.events if event.event_type in kinds]


def twin(connection: Connection, tutor_id: int, as_of: datetime) -> dict[str, float] | None:
    """Return the features of one tutor at one instant, or None if the tutor was not known."""
    known = _known(connection, tutor_id, as_of)
    if known is None:
        return None
    tenure = days_between(known.tutor.joined_at, as_of)
    parts: tuple[Callable[[Known, float], dict[str, float]], ...] = (
        _sessions,
        _activity,
        _ratings,
        _quality,
        _reschedules,
        _first_sessions,
        _no_shows,
        _tenure,
        _availability,
    )
    return {name: value for part in parts for name, value in part(known, tenure).items()}


def days_between(start: datetime, end: datetime) -> float:
    """Return the days between two instants."""
    return (end - start).total_seconds() / 86400


def mean(values: Iterable[float | None]) -> float:
    """Return the mean of what is not missing; NaN of nothing."""
    there = [float(value) for value in values if value is not None]
    return sum(there) / len(there) if there else np.nan


def ratio(part: float, whole: float) -> float:
    """Return part over whole; NaN of nothing."""
    return part / whole if whole else np.nan


def rate(count: int, days: float, tenure: float) -> float:
    """Return a count a day over a window or the days since joining, at least one."""
    return count / max(1.0, min(days, tenure))


def _known(connection: Connection, tutor_id: int, as_of: datetime) -> Known | None:
    tutor = connection.execute(select(tutors).where(tutors.c.tutor_id == tutor_id)).one_or_none()
    if tutor is None or tutor.joined_at > as_of or tutor.ingested_at > as_of:
        return None
    every_session = _rows(connection, sessions, "scheduled_start", tutor_id)
    return Known(
        as_of=as_of,
        tutor=tutor,
        held=[
            row
            for row in every_session
            if row.at <= as_of and row.outcome_known_at is not None and row.outcome_known_at <= as_of
        ],
        rated=[
            row
            for row in _rows(connection, student_feedback, "submitted_at", tutor_id)
            if row.at <= as_of and row.ingested_at <= as_of
        ],
        events=[
            row
            for row in _rows(connection, tutor_events, "event_time", tutor_id)
            if row.at <= as_of and row.ingested_at <= as_of
        ],
        every_session=every_session,
    )


def _rows(connection: Connection, table: Table, time: str, tutor_id: int) -> Rows:
    return connection.execute(select(table, table.c[time].label("at")).where(table.c.tutor_id == tutor_id)).all()


def _completed(known: Known, days: float, after: float = 0) -> Rows:
    return [row for row in known.within(known.held, days, after) if row.status == "completed"]


def _sessions(known: Known, tenure: float) -> dict[str, float]:
    counts = {days: len(_completed(known, days)) for days in (7, 14, 30, 90)}
    last = known.age(_completed(known, 90))
    recent = mean(row.engagement_score for row in _completed(known, 14))
    return {
        **{f"sessions_{days}d": count for days, count in counts.items()},
        "sessions_trend_7_30": ratio(rate(counts[7], 7, tenure), rate(counts[30], 30, tenure)),
        "sessions_trend_30_90": ratio(counts[30] / 30, rate(counts[90], 90, tenure)) if tenure >= 45 else np.nan,
        "activity_vs_baseline_14d": ratio(
            rate(counts[14], 14, tenure) * 7, _or_nan(known.tutor.baseline_sessions_per_week)
        ),
        "days_since_last_session": tenure if np.isnan(last) else last,
        "active_days_14d": len({row.at.astimezone(UTC).date() for row in _completed(known, 14)}),
        "engagement_avg_14d": recent,
        "engagement_trend_14_60": recent - mean(row.engagement_score for row in _completed(known, 60, 14)),
        "lifetime_sessions": sum(row.status == "completed" for row in known.held),
    }


def _activity(known: Known, tenure: float) -> dict[str, float]:
    logins = {days: len(known.within(known.kind("login"), days)) for days in (7, 30)}
    minutes = {
        days: [row.value for row in known.within(known.kind("message_response"), days) if row.value is not None]
        for days in (7, 14, 30)
    }
    logs = {days: mean(np.log(np.maximum(values, 0.5)).tolist()) for days, values in minutes.items()}
    return {
        "logins_7d": logins[7],
        "logins_30d": logins[30],
        "login_trend_7_30": ratio(rate(logins[7], 7, tenure), rate(logins[30], 30, tenure)),
        "days_since_last_login": known.age(known.within(known.kind("login"), 90)),
        "response_min_p50_14d": float(np.percentile(minutes[14], 50)) if minutes[14] else np.nan,
        "response_min_p95_30d": float(np.percentile(minutes[30], 95)) if minutes[30] else np.nan,
        "response_trend_7_30": logs[7] - logs[30],
        "trainings_completed_90d": len(known.within(known.kind("training_completed"), 90)),
    }


def _ratings(known: Known, _: float) -> dict[str, float]:
    def of(days: float, after: float = 0) -> list[int]:
        return [row.rating for row in known.within(known.rated, days, after)]

    return {
        "rating_avg_14d": mean(of(14)),
        "rating_avg_30d": mean(of(30)),
        "rating_avg_90d": mean(of(90)),
        "rating_trend_30_90": mean(of(30)) - mean(of(90, 30)),
        "rating_count_30d": len(of(30)),
        "rating_low_share_60d": mean(rating < 3 for rating in of(60)),
        "rating_std_90d": float(np.std(of(90))) if len(of(90)) >= 3 else np.nan,
    }


def _quality(known: Known, _: float) -> dict[str, float]:
    recent = _completed(known, 30)
    return {
        "objectives_met_rate_30d": mean(row.objectives_met for row in recent),
        "late_start_rate_30d": mean(
            None if row.late_start_minutes is None else row.late_start_minutes > 5 for row in recent
        ),
        "technical_issue_rate_30d": mean(row.technical_issues for row in recent),
    }


def _reschedules(known: Known, _: float) -> dict[str, float]:
    moves = [row for row in known.within(known.kind("reschedule"), 90) if row.by_tutor]

    def of(days: float) -> int:
        return len(known.within(moves, days))

    def share(days: float) -> float:
        return ratio(of(days), of(days) + len(_completed(known, days)) + len(_missed(known, days)))

    return {
        "resched_tutor_7d": of(7),
        "resched_tutor_30d": of(30),
        "resched_rate_14d": share(14),
        "resched_trend_7_30": share(7) - share(30),
        "resched_short_notice_30d": sum(row.value is not None and row.value < 24 for row in known.within(moves, 30)),
        "resched_student_30d": sum(row.by_tutor is False for row in known.within(known.kind("reschedule"), 30)),
        "days_since_last_resched": known.age(moves),
    }


def _first_sessions(known: Known, _: float) -> dict[str, float]:
    rated = [row for row in known.within(known.rated, 90) if row.is_first_session]
    late = {
        row.session_id
        for row in known.within(known.held, 90)
        if row.late_start_minutes is not None and row.late_start_minutes > 10
    }
    failed = [row for row in rated if row.rating < 3 or row.session_id in late]
    return {
        "first_sessions_30d": sum(row.session_number == 1 for row in _completed(known, 30)),
        "first_failed_30d": len(known.within(failed, 30)),
        "first_success_rate_90d": 1 - ratio(len(failed), len(rated)),
        "first_rating_avg_90d": mean(row.rating for row in rated),
        "days_since_first_failed": known.age(failed),
    }


def _missed(known: Known, days: float) -> Rows:
    return [row for row in known.within(known.held, days) if row.status == "tutor_no_show"]


def _no_shows(known: Known, _: float) -> dict[str, float]:
    starts = [row.at.astimezone(UTC) for row in _missed(known, 90)]
    return {
        "noshow_14d": len(_missed(known, 14)),
        "noshow_30d": len(_missed(known, 30)),
        "noshow_rate_90d": ratio(len(starts), len(starts) + len(_completed(known, 90))),
        "noshow_monday_morning_90d": sum(start.weekday() == 0 and start.hour < 12 for start in starts),
        "days_since_last_noshow": known.age(_missed(known, 90)),
        "replacements_60d": sum(row.tutor_replaced for row in known.within(known.held, 60)),
    }


def _tenure(known: Known, tenure: float) -> dict[str, float]:
    subjects = [subject.lower() for subject in known.tutor.subjects or []]
    words = {word for subject in subjects for word in subject.split()}
    return {
        "tenure_days": tenure,
        "is_new_tutor": tenure < 30,
        "baseline_sessions_per_week": _or_nan(known.tutor.baseline_sessions_per_week),
        "teaches_stem": any(word.startswith(STEM) for word in words) if subjects else np.nan,
        "teaches_test_prep": not words.isdisjoint(TEST_PREP) if subjects else np.nan,
    }


def _availability(known: Known, tenure: float) -> dict[str, float]:
    stated = sorted(
        (row for row in known.kind("availability_change") if row.value is not None),
        key=lambda row: (row.at, row.event_id),
    )
    latest = next(iter(reversed(known.within(stated, 90))), None)
    before = [row.value for row in stated if latest is not None and latest.at - timedelta(days=28) < row.at < latest.at]
    upcoming = [
        row
        for row in known.every_session
        if known.as_of < row.at <= known.as_of + timedelta(days=7)
        and row.booked_at <= known.as_of
        and (row.cancelled_at is None or row.cancelled_at > known.as_of)
    ]
    seen = {row.student_id for row in _completed(known, 60, 30)}
    return {
        "availability_hours_latest": latest.value if latest is not None else np.nan,
        "availability_change_pct_4w": ratio(latest.value, mean(before)) - 1 if latest is not None else np.nan,
        "upcoming_sessions_7d": len(upcoming),
        "upcoming_vs_usual": ratio(len(upcoming), rate(len(_completed(known, 30)), 30, tenure) * 7),
        "students_lost_30d": len(seen - {row.student_id for row in _completed(known, 30)}),
    }


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
