"""A window of W days is (as_of - W, as_of], to the microsecond, for every feature that has one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from ml.features.build import Spine, build
from ml.features.catalogue import FEATURES
from tests.conftest import NOW
from tests.factories import add_event, add_feedback, add_session, add_student, add_tutor
from tests.ml.features_of import features_of
from tutormax import partitions

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)

Add = Callable[[Connection, int, datetime], object]


def session(**facts: object) -> Add:
    def add(connection: Connection, tutor: int, at: datetime) -> object:
        return add_session(connection, tutor, **({"scheduled_start": at, "outcome_known_at": at} | facts))

    return add


def event(event_type: str, **facts: object) -> Add:
    def add(connection: Connection, tutor: int, at: datetime) -> object:
        return add_event(connection, tutor, event_type, event_time=at, **facts)

    return add


def feedback(rating: int = 4, number: int = 2) -> Add:
    def add(connection: Connection, tutor: int, at: datetime) -> object:
        of = add_session(connection, tutor, scheduled_start=at - DAY, outcome_known_at=at, session_number=number)
        return add_feedback(connection, of, rating=rating, submitted_at=at)

    return add


def nothing(connection: Connection, tutor: int) -> None:
    """Leave the tutor without a row."""


def at(*rows: tuple[float, Add]) -> Callable[[Connection, int], None]:
    def add_all(connection: Connection, tutor: int) -> None:
        for days, add in rows:
            add(connection, tutor, NOW - days * DAY)

    return add_all


UNBOOKED = session(booked_at=NOW + DAY)
BOOKED = session(status="scheduled", outcome_known_at=None, booked_at=NOW)
COMPLETED, NO_SHOW, LOGIN = session(), session(status="tutor_no_show"), event("login")
RESCHEDULE, RESPONSE = event("reschedule", value=3), event("message_response", value=100)
RATED, FAILED = feedback(), feedback(rating=2, number=1)

# What makes each feature move, and what must be there for it to have a value at all.
MOVERS: dict[str, tuple[Add, Callable[[Connection, int], None]]] = {
    "sessions_7d": (COMPLETED, nothing),
    "sessions_14d": (COMPLETED, nothing),
    "sessions_30d": (COMPLETED, nothing),
    "sessions_90d": (COMPLETED, nothing),
    "sessions_trend_7_30": (COMPLETED, at((2, COMPLETED), (20, COMPLETED))),
    "sessions_trend_30_90": (COMPLETED, at((2, COMPLETED), (50, COMPLETED))),
    "activity_vs_baseline_14d": (COMPLETED, nothing),
    "days_since_last_session": (COMPLETED, nothing),
    "active_days_14d": (COMPLETED, nothing),
    "logins_7d": (LOGIN, nothing),
    "logins_30d": (LOGIN, nothing),
    "login_trend_7_30": (LOGIN, at((2, LOGIN), (20, LOGIN))),
    "days_since_last_login": (LOGIN, nothing),
    "response_min_p50_14d": (RESPONSE, nothing),
    "response_min_p95_30d": (RESPONSE, nothing),
    "response_trend_7_30": (
        RESPONSE,
        at((2, event("message_response", value=5)), (20, event("message_response", value=9))),
    ),
    "engagement_avg_14d": (COMPLETED, nothing),
    "engagement_trend_14_60": (COMPLETED, at((2, session(engagement_score=0.3)), (20, session(engagement_score=0.5)))),
    "rating_avg_14d": (RATED, nothing),
    "rating_avg_30d": (RATED, nothing),
    "rating_avg_90d": (RATED, nothing),
    "rating_trend_30_90": (RATED, at((2, feedback(rating=2)), (40, feedback(rating=3)))),
    "rating_count_30d": (RATED, nothing),
    "rating_low_share_60d": (RATED, nothing),
    "rating_std_90d": (RATED, at((2, feedback(rating=2)), (4, feedback(rating=3)))),
    "objectives_met_rate_30d": (COMPLETED, nothing),
    "late_start_rate_30d": (COMPLETED, nothing),
    "technical_issue_rate_30d": (COMPLETED, nothing),
    "trainings_completed_90d": (event("training_completed"), nothing),
    "resched_tutor_7d": (RESCHEDULE, nothing),
    "resched_tutor_30d": (RESCHEDULE, nothing),
    "resched_rate_14d": (RESCHEDULE, nothing),
    "resched_trend_7_30": (RESCHEDULE, at((2, COMPLETED), (20, COMPLETED))),
    "resched_short_notice_30d": (RESCHEDULE, nothing),
    "resched_student_30d": (event("reschedule", by_tutor=False), nothing),
    "days_since_last_resched": (RESCHEDULE, nothing),
    "first_sessions_30d": (session(session_number=1), nothing),
    "first_failed_30d": (FAILED, nothing),
    "first_success_rate_90d": (FAILED, nothing),
    "first_rating_avg_90d": (FAILED, nothing),
    "days_since_first_failed": (FAILED, nothing),
    "noshow_14d": (NO_SHOW, nothing),
    "noshow_30d": (NO_SHOW, nothing),
    "noshow_rate_90d": (NO_SHOW, nothing),
    "days_since_last_noshow": (NO_SHOW, nothing),
    "replacements_60d": (session(tutor_replaced=True), nothing),
    "availability_hours_latest": (event("availability_change", value=12), nothing),
    "upcoming_vs_usual": (UNBOOKED, at((2, COMPLETED), (-2, BOOKED))),
}
BY_HAND = {"availability_change_pct_4w", "noshow_monday_morning_90d", "students_lost_30d", "upcoming_sessions_7d"}
WINDOWS = {feature.name: feature.window_days for feature in FEATURES if feature.window_days is not None}


def test_every_window_is_looked_at_below() -> None:
    assert MOVERS.keys() | BY_HAND == WINDOWS.keys()


@pytest.mark.parametrize("name", MOVERS)
def test_a_row_counts_from_just_after_as_of_minus_the_window_up_to_as_of(connection: Connection, name: str) -> None:
    oldest = NOW - timedelta(days=WINDOWS[name])
    instants = [None, oldest, oldest + TICK, NOW, NOW + TICK]

    values = [with_a_row_at(connection, name, instant) for instant in instants]

    without, *others = build(connection, Spine.at(values, NOW)).column(name).tolist()
    assert [not same(value, without) for value in others] == [False, True, True, False]


def with_a_row_at(connection: Connection, name: str, instant: datetime | None) -> int:
    add, prepare = MOVERS[name]
    tutor = add_tutor(connection)
    prepare(connection, tutor)
    if instant is not None:
        add(connection, tutor, instant)
    return tutor


def same(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))


@pytest.mark.parametrize(
    ("start", "counted"),
    [(NOW, 0), (NOW + TICK, 1), (NOW + 7 * DAY, 1), (NOW + 7 * DAY + TICK, 0)],
    ids=["now", "just after", "in a week", "later"],
)
def test_bookings_count_from_after_as_of_for_a_week(connection: Connection, start: datetime, counted: int) -> None:
    tutor = add_tutor(connection)
    BOOKED(connection, tutor, start)

    assert features_of(connection, tutor)["upcoming_sessions_7d"] == counted


@pytest.mark.parametrize(
    ("start", "lost"),
    [(NOW - 60 * DAY, 0), (NOW - 60 * DAY + TICK, 1), (NOW - 30 * DAY, 1), (NOW - 30 * DAY + TICK, 0)],
)
def test_a_student_is_lost_who_was_seen_between_60_and_30_days_ago(
    connection: Connection, start: datetime, lost: int
) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=start)

    assert features_of(connection, tutor)["students_lost_30d"] == lost


def test_a_student_who_was_seen_since_is_not_lost(connection: Connection) -> None:
    tutor, student = add_tutor(connection), add_student(connection)
    add_session(connection, tutor, scheduled_start=NOW - 45 * DAY, student_id=student)
    add_session(connection, tutor, scheduled_start=NOW - 5 * DAY, student_id=student)

    assert features_of(connection, tutor)["students_lost_30d"] == 0


@pytest.mark.parametrize(
    ("before", "change"),
    [(28 * DAY, np.nan), (28 * DAY - TICK, -0.5), (TICK, -0.5), (timedelta(0), np.nan)],
)
def test_availability_is_compared_with_the_four_weeks_before_its_last_change(
    connection: Connection, before: timedelta, change: float
) -> None:
    latest = NOW - 90 * DAY + TICK
    tutor = add_tutor(connection)
    add_event(connection, tutor, "availability_change", event_time=latest - before, value=20)
    add_event(connection, tutor, "availability_change", event_time=latest, value=10)

    assert same(features_of(connection, tutor)["availability_change_pct_4w"], change)


@pytest.mark.parametrize(
    ("start", "counted"),
    [
        (datetime(2026, 6, 8, 0, 0, tzinfo=UTC), 1),
        (datetime(2026, 6, 8, 11, 59, 59, 999999, tzinfo=UTC), 1),
        (datetime(2026, 6, 8, 12, 0, tzinfo=UTC), 0),
        (datetime(2026, 6, 7, 23, 59, tzinfo=UTC), 0),
        (NOW - 90 * DAY - DAY, 0),
    ],
)
def test_monday_morning_is_read_in_utc(connection: Connection, start: datetime, counted: int) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, status="tutor_no_show", scheduled_start=start)

    assert features_of(connection, tutor)["noshow_monday_morning_90d"] == counted


def test_a_leap_day_is_a_day_of_the_window(connection: Connection) -> None:
    as_of = datetime(2028, 3, 7, 12, 0, tzinfo=UTC)
    partitions.ensure(connection, as_of - 7 * DAY, as_of)
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=datetime(2028, 2, 29, 12, 0, tzinfo=UTC))
    add_session(connection, tutor, scheduled_start=datetime(2028, 2, 29, 12, 0, 1, tzinfo=UTC))

    assert features_of(connection, tutor, as_of)["sessions_7d"] == 1
