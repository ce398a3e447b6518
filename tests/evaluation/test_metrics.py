"""Which facts each metric counts, and which window holds a fact."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from tests.conftest import NOW
from tests.evaluation.judging import DAY, FACTS, HOUR, METRICS, MOMENT, add_logins, add_ratings, add_sessions, judged
from tests.factories import add_event, add_session, add_tutor


def test_scheduled_sessions_are_those_held_or_missed_by_either_side(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for status in ("completed", "completed", "tutor_no_show", "student_no_show", "cancelled", "scheduled"):
        add_session(connection, tutor, status=status)

    row = judged(connection, tutor)

    assert (row.sessions_scheduled, row.sessions_completed, row.no_show_count, row.no_show_rate) == (4, 2, 1, 0.25)


def test_average_rating_is_over_all_feedback(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_ratings(connection, tutor, 5, 4, first=True)
    add_ratings(connection, tutor, 2, 2)

    assert judged(connection, tutor).average_rating == 3.25


def test_first_session_success_is_the_share_rated_4_or_more(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_ratings(connection, tutor, 5, 4, 3, 1, first=True)
    add_ratings(connection, tutor, 1, 1)

    assert judged(connection, tutor).first_session_success_rate == 0.5


def test_only_the_tutors_own_reschedules_count_and_beside_what_was_scheduled(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 3)
    add_event(connection, tutor, "reschedule", by_tutor=True)
    add_event(connection, tutor, "reschedule", by_tutor=False)

    assert judged(connection, tutor).reschedule_rate == 0.25


def test_objectives_are_over_completed_sessions_that_say(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for met in (True, True, True, False, None):
        add_session(connection, tutor, objectives_met=met)
    add_session(connection, tutor, status="student_no_show", objectives_met=False)

    assert judged(connection, tutor).learning_objectives_met_pct == 75


def test_response_time_is_the_mean_of_message_responses(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for minutes in (10.0, 30.5, None):
        add_event(connection, tutor, "message_response", value=minutes)
    add_event(connection, tutor, "availability_change", value=40.0)

    assert judged(connection, tutor).response_time_average_minutes == 20.25


def test_engagement_weighs_logins_sessions_and_punctuality(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, engagement_score=0.7, late_start_minutes=5.0)
    add_session(connection, tutor, engagement_score=0.2, late_start_minutes=5.5)
    add_session(connection, tutor, status="tutor_no_show", engagement_score=0.0, late_start_minutes=0.0)
    add_logins(connection, tutor, 2)

    assert judged(connection, tutor).engagement_score == pytest.approx(0.4 * 2 / 5 + 0.4 * 0.45 + 0.2 * 0.5)


def test_more_logins_than_five_days_in_seven_count_no_more(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, engagement_score=0.0, late_start_minutes=20.0)
    add_logins(connection, tutor, 7)

    assert judged(connection, tutor).engagement_score == 0.4


def test_logins_of_one_utc_day_are_one(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, engagement_score=0.0, late_start_minutes=20.0)
    midnight = NOW.replace(hour=0)
    for event_time in (midnight, midnight + HOUR, midnight + 11 * HOUR):
        add_event(connection, tutor, "login", event_time=event_time)
    once = judged(connection, tutor).engagement_score
    add_event(connection, tutor, "login", event_time=midnight - MOMENT)

    assert once == pytest.approx(0.4 * 1 / 5)
    assert judged(connection, tutor).engagement_score == pytest.approx(0.4 * 2 / 5)


@pytest.mark.parametrize(
    ("tenure", "exposed_days"), [(5 * DAY, 5), (7 * DAY, 7), (40 * DAY, 7), (2 * HOUR, 1), (-DAY, 1)]
)
def test_a_young_tutor_is_expected_to_log_in_on_the_days_since_joining(
    connection: Connection, tenure: timedelta, exposed_days: int
) -> None:
    tutor = add_tutor(connection, joined_at=NOW - tenure)
    add_session(connection, tutor, engagement_score=0.0, late_start_minutes=20.0)
    add_logins(connection, tutor, 1)

    expected = 0.4 * min(1, 1 / (exposed_days * 5 / 7))

    assert judged(connection, tutor).engagement_score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("missing", ["engagement_score", "late_start_minutes"])
def test_engagement_of_which_a_part_is_unknown_is_unknown(connection: Connection, missing: str) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, **{missing: None})

    assert judged(connection, tutor).engagement_score is None


def test_what_has_no_denominator_is_unknown(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_logins(connection, tutor, 5)

    row = judged(connection, tutor)

    assert (row.sessions_scheduled, row.sessions_completed, row.no_show_count) == (0, 0, 0)
    assert {getattr(row, column.name) for column in METRICS if column.nullable} == {None}
    assert (row.green_flags, row.red_flags) == (0, 0)


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("days", [7, 30, 90])
def test_a_window_is_open_where_it_starts_and_closed_where_it_ends(
    connection: Connection, kind: str, days: int
) -> None:
    add, column, counted = FACTS[kind]
    instants = {
        NOW + MOMENT: False,
        NOW: True,
        NOW - days * DAY + MOMENT: True,
        NOW - days * DAY: False,
    }
    seen = {}
    for at in instants:
        tutor = add_tutor(connection)
        add(connection, tutor, at)
        seen[at] = getattr(judged(connection, tutor, days=days), column) == counted

    assert seen == instants


@pytest.mark.parametrize(("days", "expected_days"), [(7, 5), (30, 30 * 5 / 7), (90, 90 * 5 / 7)])
def test_a_day_counts_where_the_window_holds_a_login_of_it(
    connection: Connection, days: int, expected_days: float
) -> None:
    instants = {NOW + MOMENT: 0, NOW: 1, NOW - days * DAY + MOMENT: 1, NOW - days * DAY: 0}
    seen = {}
    for at in instants:
        tutor = add_tutor(connection)
        add_session(connection, tutor, engagement_score=0.0, late_start_minutes=20.0)
        add_event(connection, tutor, "login", event_time=at)
        seen[at] = round(judged(connection, tutor, days=days).engagement_score / 0.4 * expected_days, 3)

    assert seen == instants


def test_a_day_at_the_start_of_the_window_counts_by_its_later_login(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, engagement_score=0.0, late_start_minutes=20.0)
    add_event(connection, tutor, "login", event_time=NOW - 7 * DAY - HOUR)
    add_event(connection, tutor, "login", event_time=NOW - 7 * DAY + HOUR)

    assert judged(connection, tutor).engagement_score == pytest.approx(0.4 * 1 / 5)
