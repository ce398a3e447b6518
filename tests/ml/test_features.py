"""Each feature's value for a tutor whose rows are known, and what a tutor without a row looks like."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from ml.features.build import FeatureMatrix, Spine, build, feature_version, microseconds, sql_sha256
from ml.features.catalogue import FEATURES, NAMES, NEVER
from tests.conftest import NOW
from tests.factories import add_event, add_feedback, add_session, add_student, add_tutor
from tests.ml.features_of import features_of

DAY = timedelta(days=1)
APPROXIMATELY = {"rel": 1e-6}


def expect(features: dict[str, float], **wanted: float) -> None:
    found = {name: features[name] for name in wanted}
    assert found == pytest.approx(wanted, nan_ok=True, **APPROXIMATELY)


def test_sessions_and_their_trends(connection: Connection) -> None:
    tutor = add_tutor(connection, baseline_sessions_per_week=2.0)
    for days in (2, 2, 10, 20, 50, 80):
        add_session(connection, tutor, scheduled_start=NOW - days * DAY)
    add_session(connection, tutor, scheduled_start=NOW - DAY, status="student_no_show")

    expect(
        features_of(connection, tutor),
        sessions_7d=2,
        sessions_14d=3,
        sessions_30d=4,
        sessions_90d=6,
        sessions_trend_7_30=(2 / 7) / (4 / 30),
        sessions_trend_30_90=(4 / 30) / (6 / 90),
        activity_vs_baseline_14d=(3 / 14 * 7) / 2,
        days_since_last_session=2,
        active_days_14d=2,
        lifetime_sessions=6,
    )


def test_sessions_older_than_every_window_count_for_life_only(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=NOW - 120 * DAY)

    expect(features_of(connection, tutor), lifetime_sessions=1, sessions_90d=0, days_since_last_session=200)


def test_a_young_tutors_rates_are_taken_over_the_days_since_joining(connection: Connection) -> None:
    tutor = add_tutor(connection, joined_at=NOW - 10 * DAY)
    add_session(connection, tutor, scheduled_start=NOW - 2 * DAY)
    add_session(connection, tutor, scheduled_start=NOW - 9 * DAY)

    expect(
        features_of(connection, tutor),
        sessions_trend_7_30=(1 / 7) / (2 / 10),
        sessions_trend_30_90=np.nan,
        activity_vs_baseline_14d=(2 / 10 * 7) / 15,
        tenure_days=10,
        is_new_tutor=1,
    )


def test_logins_and_answers(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days in (1, 20):
        add_event(connection, tutor, "login", event_time=NOW - days * DAY)
    for days, minutes in ((1, 10.0), (8, 30.0), (9, 40.0), (20, 0.1)):
        add_event(connection, tutor, "message_response", event_time=NOW - days * DAY, value=minutes)

    expect(
        features_of(connection, tutor),
        logins_7d=1,
        logins_30d=2,
        login_trend_7_30=(1 / 7) / (2 / 30),
        days_since_last_login=1,
        response_min_p50_14d=30,
        response_min_p95_30d=38.5,
        response_trend_7_30=np.log(10) - np.log([10, 30, 40, 0.5]).mean(),
    )


def test_engagement_of_sessions(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days, score in ((1, 0.6), (2, 0.9), (20, 0.5), (59, 0.25)):
        add_session(connection, tutor, scheduled_start=NOW - days * DAY, engagement_score=score)
    add_session(connection, tutor, scheduled_start=NOW - DAY, status="tutor_no_show", engagement_score=0.0)

    expect(features_of(connection, tutor), engagement_avg_14d=0.75, engagement_trend_14_60=0.75 - 0.375)


def test_ratings(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days, rating in ((1, 5), (20, 2), (40, 4), (70, 3)):
        session = add_session(connection, tutor, scheduled_start=NOW - days * DAY)
        add_feedback(connection, session, rating=rating, submitted_at=NOW - days * DAY + timedelta(hours=1))

    expect(
        features_of(connection, tutor),
        rating_avg_14d=5,
        rating_avg_30d=3.5,
        rating_avg_90d=3.5,
        rating_trend_30_90=0,
        rating_count_30d=2,
        rating_low_share_60d=1 / 3,
        rating_std_90d=float(np.std([5, 2, 4, 3])),
        first_rating_avg_90d=np.nan,
    )


def test_two_ratings_have_no_spread(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for rating in (1, 5):
        add_feedback(connection, add_session(connection, tutor), rating=rating, submitted_at=NOW)

    expect(features_of(connection, tutor), rating_std_90d=np.nan, rating_avg_90d=3)


def test_how_sessions_went(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, late_start_minutes=5, objectives_met=False, technical_issues=True)
    add_session(connection, tutor, late_start_minutes=5.5)
    add_session(connection, tutor, late_start_minutes=None, objectives_met=None, technical_issues=None)
    add_session(connection, tutor, status="student_no_show", late_start_minutes=60, objectives_met=False)

    expect(
        features_of(connection, tutor),
        objectives_met_rate_30d=1 / 2,
        late_start_rate_30d=1 / 2,
        technical_issue_rate_30d=1 / 2,
    )


def test_reschedules(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days, notice in ((1, 23.9), (10, 24.0), (20, 2.0)):
        add_event(connection, tutor, "reschedule", event_time=NOW - days * DAY, value=notice)
    add_event(connection, tutor, "reschedule", by_tutor=False, value=1)
    add_event(connection, tutor, "reschedule", by_tutor=None, value=1)
    add_session(connection, tutor)
    add_session(connection, tutor, scheduled_start=NOW - 3 * DAY, status="tutor_no_show")
    add_session(connection, tutor, scheduled_start=NOW - 12 * DAY, status="tutor_no_show")

    expect(
        features_of(connection, tutor),
        resched_tutor_7d=1,
        resched_tutor_30d=3,
        resched_rate_14d=2 / 5,
        resched_trend_7_30=1 / 3 - 3 / 6,
        resched_short_notice_30d=2,
        resched_student_30d=1,
        days_since_last_resched=1,
    )


def test_first_sessions_fail_by_rating_or_by_lateness(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days, rating, late in ((1, 5, 11), (2, 2, 0), (3, 4, 10), (4, 4, 0), (40, 1, 0)):
        start = NOW - days * DAY
        session = add_session(connection, tutor, scheduled_start=start, session_number=1, late_start_minutes=late)
        add_feedback(connection, session, rating=rating, submitted_at=start)
    add_session(connection, tutor, session_number=1, late_start_minutes=30)
    add_feedback(connection, add_session(connection, tutor, late_start_minutes=30), rating=1, submitted_at=NOW)

    expect(
        features_of(connection, tutor),
        first_sessions_30d=5,
        first_failed_30d=2,
        first_success_rate_90d=2 / 5,
        first_rating_avg_90d=16 / 5,
        days_since_first_failed=1,
    )


def test_no_shows_and_replacements(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days in (3, 20, 40):
        add_session(connection, tutor, scheduled_start=NOW - days * DAY, status="tutor_no_show", tutor_replaced=True)
    add_session(connection, tutor, scheduled_start=NOW - 80 * DAY)

    expect(
        features_of(connection, tutor),
        noshow_14d=1,
        noshow_30d=2,
        noshow_rate_90d=3 / 4,
        days_since_last_noshow=3,
        replacements_60d=3,
    )


@pytest.mark.parametrize(
    ("subjects", "stem", "test_prep"),
    [
        (["math"], 1, 0),
        (["English", "Calculus"], 1, 0),
        (["Computer Science"], 1, 0),
        (["AP Test Prep"], 0, 1),
        (["test_prep", "physics"], 1, 1),
        (["SAT"], 0, 1),
        (["French", "Literature"], 0, 0),
        ([], np.nan, np.nan),
        (None, np.nan, np.nan),
    ],
)
def test_subjects(connection: Connection, subjects: list[str] | None, stem: float, test_prep: float) -> None:
    tutor = add_tutor(connection, subjects=subjects)

    expect(features_of(connection, tutor), teaches_stem=stem, teaches_test_prep=test_prep)


def test_availability_and_bookings(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for days, hours in ((30, 40.0), (20, 20.0), (3, 12.0)):
        add_event(connection, tutor, "availability_change", event_time=NOW - days * DAY, value=hours)
    for days in (1, 2, 3):
        add_session(connection, tutor, scheduled_start=NOW + days * DAY, status="scheduled", booked_at=NOW)
    add_session(connection, tutor, scheduled_start=NOW - 20 * DAY)

    expect(
        features_of(connection, tutor),
        availability_hours_latest=12,
        availability_change_pct_4w=12 / 30 - 1,
        upcoming_sessions_7d=3,
        upcoming_vs_usual=3 / (1 / 30 * 7),
    )


def test_students_lost_are_counted_once(connection: Connection) -> None:
    tutor = add_tutor(connection)
    lost, kept = add_student(connection), add_student(connection)
    for student, days in ((lost, 40), (lost, 50), (kept, 40), (kept, 4)):
        add_session(connection, tutor, scheduled_start=NOW - days * DAY, student_id=student)

    expect(features_of(connection, tutor), students_lost_30d=1)


@pytest.mark.parametrize("tenure", [timedelta(0), timedelta(minutes=1), timedelta(days=400)])
def test_a_tutor_without_a_row_misses_exactly_what_the_catalogue_says(
    connection: Connection, tenure: timedelta
) -> None:
    tutor = add_tutor(connection, joined_at=NOW - tenure, subjects=None, baseline_sessions_per_week=None)

    missing = {name for name, value in features_of(connection, tutor).items() if np.isnan(value)}

    assert missing == {feature.name for feature in FEATURES if feature.null_means != NEVER}


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e300, -1e300, 1e-300, -5.0])
def test_absurd_numbers_are_missing_values_and_break_nothing(connection: Connection, value: float) -> None:
    baseline = value if value >= 0 or np.isnan(value) else None
    tutor = add_tutor(connection, baseline_sessions_per_week=baseline)
    for kind in ("message_response", "reschedule", "availability_change"):
        add_event(connection, tutor, kind, value=value)
    add_session(connection, tutor)

    features = features_of(connection, tutor)

    assert not any(np.isinf(value) for value in features.values())
    assert np.isnan(features["response_min_p50_14d"]) or features["response_min_p50_14d"] == 0


def test_rows_keep_the_spines_order_and_unknown_tutors_are_left_out(connection: Connection) -> None:
    young, old = add_tutor(connection, joined_at=NOW - DAY), add_tutor(connection)
    asked = Spine(
        np.array([old, young, 0, old, young]),
        np.array([microseconds(at) for at in (NOW - 9 * DAY, NOW - 9 * DAY, NOW, NOW, NOW)]),
    )

    matrix = build(connection, asked)

    assert matrix.spine.tutor_ids.tolist() == [old, old, young]
    assert matrix.column("tenure_days").tolist() == [191, 200, 1]


def test_an_empty_spine_has_no_rows(connection: Connection) -> None:
    matrix = build(connection, Spine.at([], NOW))

    assert isinstance(matrix, FeatureMatrix)
    assert matrix.values.shape == (0, len(NAMES))
    assert matrix.values.dtype == np.float32


def test_building_leaves_the_sessions_planning_as_it_was(connection: Connection) -> None:
    build(connection, Spine.at([], NOW))

    assert connection.exec_driver_sql("show plan_cache_mode").scalar_one() == "force_custom_plan"
    assert connection.exec_driver_sql("show enable_seqscan").scalar_one() == "on"


def test_the_version_names_the_statement() -> None:
    assert feature_version() == f"58.1-{sql_sha256()[:12]}"
