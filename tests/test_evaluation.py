"""Every clause of how a tutor is judged, and that late facts correct the judgements they belong to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, delete, insert, select, text, update

from tests import evaluation_twin
from tests.conftest import NOW
from tests.evaluation_world import add_world
from tests.factories import add_event, add_feedback, add_session, add_student, add_tutor
from tutormax import db, rollup
from tutormax.evaluation import (
    Correction,
    EvaluationSummary,
    Tier,
    correct_judgements,
    evaluate_single_tutor,
    evaluate_tutors,
    judge_tutors,
)
from tutormax.tables import (
    sessions,
    student_feedback,
    touched_tutors,
    tutor_events,
    tutor_performance_metrics,
    tutors,
)
from tutormax.tutors import UnknownTutorError
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


# What is counted.


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


# Which window holds a fact.


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


# Flags, exactly at their thresholds: what a tutor gets for one metric besides what the others bring.


@pytest.mark.parametrize(
    ("ratings", "flags"),
    [((4, 5), (1, 0)), ((4, 4, 5), (0, 0)), ((3, 4), (0, 0)), ((3, 3, 4), (0, 1))],
)
def test_rating_flags(connection: Connection, ratings: tuple[int, ...], flags: tuple[int, int]) -> None:
    tutor = add_tutor(connection)
    add_ratings(connection, tutor, *ratings)

    row = judged(connection, tutor)

    assert (row.green_flags, row.red_flags) == flags


@pytest.mark.parametrize(
    ("good", "bad", "flags"),
    [(17, 3, (1, 0)), (16, 3, (0, 0)), (14, 6, (0, 0)), (13, 6, (0, 1))],
)
def test_first_session_flags(connection: Connection, good: int, bad: int, flags: tuple[int, int]) -> None:
    tutor = add_tutor(connection)
    # An average between 3.5 and 4.5 has no flag of its own.
    add_ratings(connection, tutor, *[4] * good, *[3] * bad, first=True)

    row = judged(connection, tutor)

    assert (row.green_flags, row.red_flags) == flags


@pytest.mark.parametrize(
    ("scheduled", "reschedules", "flags"),
    [(18, 2, (1, 0)), (17, 2, (0, 0)), (17, 3, (0, 0)), (16, 3, (0, 1))],
)
def test_reschedule_flags(connection: Connection, scheduled: int, reschedules: int, flags: tuple[int, int]) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, scheduled, status="student_no_show")
    for _ in range(reschedules):
        add_event(connection, tutor, "reschedule")

    row = judged(connection, tutor)

    # And a green one for no no-show.
    assert (row.green_flags - 1, row.red_flags) == flags


@pytest.mark.parametrize(
    ("scheduled", "no_shows", "flags"),
    [(5, 0, (1, 0)), (40, 1, (0, 0)), (20, 1, (0, 0)), (19, 1, (0, 1))],
)
def test_no_show_flags(connection: Connection, scheduled: int, no_shows: int, flags: tuple[int, int]) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, scheduled - no_shows, status="student_no_show")
    add_sessions(connection, tutor, no_shows, status="tutor_no_show")

    row = judged(connection, tutor)

    # And a green one for no reschedule.
    assert (row.green_flags - 1, row.red_flags) == flags


@pytest.mark.parametrize(
    ("logins", "session_engagement", "flags"),
    [(5, 0.5, (1, 0)), (5, 0.4999, (0, 0)), (0, 1.0, (0, 0)), (0, 0.9999, (0, 1))],
)
def test_engagement_flags(
    connection: Connection, logins: int, session_engagement: float, flags: tuple[int, int]
) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 3, engagement_score=session_engagement, objectives_met=None)
    add_logins(connection, tutor, logins)

    row = judged(connection, tutor)

    # And two green ones for neither reschedule nor no-show.
    assert (row.green_flags - 2, row.red_flags) == flags


@pytest.mark.parametrize(
    ("met", "missed", "flags"),
    [(9, 1, (1, 0)), (17, 2, (0, 0)), (4, 1, (0, 0)), (15, 4, (0, 1))],
)
def test_objectives_flags(connection: Connection, met: int, missed: int, flags: tuple[int, int]) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, met, engagement_score=None, objectives_met=True)
    add_sessions(connection, tutor, missed, engagement_score=None, objectives_met=False)

    row = judged(connection, tutor)

    # And two green ones for neither reschedule nor no-show.
    assert (row.green_flags - 2, row.red_flags) == flags


# Tiers. A tutor is made of six letters: rating, first sessions, reschedules, no-shows, engagement and objectives, each
# green, red or without flag.


@pytest.mark.parametrize(
    ("metrics", "tier"),
    [
        ("gggggg", Tier.EXEMPLARY),
        ("ggggg.", Tier.EXEMPLARY),
        ("gggg..", Tier.STRONG),
        (".ggg..", Tier.STRONG),
        ("gg....", Tier.DEVELOPING),
        ("......", Tier.DEVELOPING),
        ("gggggr", Tier.NEEDS_ATTENTION),
        (".....r", Tier.NEEDS_ATTENTION),
        ("ggggrr", Tier.NEEDS_ATTENTION),
        ("gggrrr", Tier.AT_RISK),
        ("...rrr", Tier.AT_RISK),
        ("rrrrrr", Tier.AT_RISK),
    ],
)
def test_tiers_follow_from_flags(connection: Connection, metrics: str, tier: Tier) -> None:
    tutor = add_flagged_tutor(connection, metrics)

    row = judged(connection, tutor)

    assert (row.green_flags, row.red_flags) == (metrics.count("g"), metrics.count("r"))
    assert row.tier == tier


def add_flagged_tutor(connection: Connection, metrics: str) -> int:
    rating, first, reschedule, no_show, engagement, objectives = list(metrics)
    tutor = add_tutor(connection)
    missed = {"g": 0, ".": 1, "r": 2}[no_show]
    met = {"g": 20, ".": 17, "r": 5}[objectives]
    session = {"engagement_score": {"g": 1.0, ".": 0.4, "r": 0.0}[engagement]}
    add_sessions(connection, tutor, met, objectives_met=True, **session)
    add_sessions(connection, tutor, 20 - met, objectives_met=False, **session)
    # One no-show in 21 is less than 5 %, two in 22 are more.
    add_sessions(connection, tutor, missed, status="tutor_no_show")
    add_logins(connection, tutor, 4)
    for _ in range({"g": 0, ".": 3, "r": 6}[reschedule]):
        add_event(connection, tutor, "reschedule")
    good = {"g": 10, ".": 8, "r": 6}[first]
    add_ratings(connection, tutor, *[4] * good, *[3] * (10 - good), first=True)
    add_ratings(connection, tutor, *[{"g": 5, ".": 4, "r": 1}[rating]] * 40)
    return tutor


@pytest.mark.parametrize(("scheduled", "tier"), [(4, None), (5, Tier.DEVELOPING)])
def test_fewer_than_five_scheduled_sessions_are_no_tier(
    connection: Connection, scheduled: int, tier: Tier | None
) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, scheduled, status="student_no_show")

    row = judged(connection, tutor)

    assert (row.tier, row.green_flags) == (tier, 2)


def test_each_window_has_a_tier_of_its_own(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 5, scheduled_start=NOW - 20 * DAY, status="student_no_show")
    add_sessions(connection, tutor, 5, scheduled_start=NOW - 60 * DAY, status="tutor_no_show")

    evaluate_single_tutor(connection, tutor, WINDOW)

    assert [stored(connection, tutor, days=days).tier for days in (7, 30, 90)] == [
        None,
        Tier.DEVELOPING,
        Tier.NEEDS_ATTENTION,
    ]


# The whole statement.


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rows_are_what_the_rules_say_of_random_facts(connection: Connection, seed: int) -> None:
    add_world(connection, NOW, seed=seed)

    for tutor in connection.execute(select(tutors.c.tutor_id)).scalars().all():
        evaluate_single_tutor(connection, tutor, WINDOW)

    assert_as_the_twin(connection, WINDOW)


def test_rows_that_changed_facts_touch_are_rewritten_in_every_column(connection: Connection) -> None:
    add_world(connection, NOW, seed=4)
    ids = connection.execute(select(tutors.c.tutor_id)).scalars().all()
    for tutor in ids:
        evaluate_single_tutor(connection, tutor, WINDOW)

    for table, key in ((sessions, "session_id"), (student_feedback, "feedback_id"), (tutor_events, "event_id")):
        connection.execute(delete(table).where(table.c[key] % 3 == 0))
    for tutor in ids:
        evaluate_single_tutor(connection, tutor, WINDOW)

    assert_as_the_twin(connection, WINDOW)


def assert_as_the_twin(connection: Connection, window: Window) -> None:
    for (tutor, days), row in evaluation_twin.judge_all(connection, window.end).items():
        found = stored(connection, tutor, days=days, window=window)
        for name, value in row.items():
            exact = value is None or isinstance(value, str)
            expected = value if exact else pytest.approx(float(value), rel=1e-12)
            assert getattr(found, name) == expected, (tutor, days, name)


def test_one_tutor_alone_is_judged_as_among_all(connection: Connection) -> None:
    add_world(connection, NOW, seed=5)
    evaluate(connection)
    together = connection.execute(select(*METRICS)).all()
    connection.execute(delete(tutor_performance_metrics))

    for tutor in sorted({row.tutor_id for row in together}):
        evaluate_single_tutor(connection, tutor, WINDOW)

    assert len(together) >= 15
    assert sorted(connection.execute(select(*METRICS)).all()) == sorted(together)


# Instants two days after the clocks there were changed.
@pytest.mark.parametrize(
    ("zone", "instant"), [("Pacific/Auckland", "2026-04-06T12:00Z"), ("America/New_York", "2026-03-10T12:00Z")]
)
def test_the_sessions_zone_changes_nothing(connection: Connection, zone: str, instant: str) -> None:
    window = Window.ending(instant)
    add_world(connection, window.end, seed=6)
    evaluate(connection, window)
    before = connection.execute(select(*METRICS)).all()

    connection.execute(text("select set_config('timezone', :zone, true)"), {"zone": zone})
    again = evaluate(connection, window)

    assert again.rows_written == 0
    assert connection.execute(select(*METRICS)).all() == before


def test_evaluating_again_writes_nothing(connection: Connection) -> None:
    add_world(connection, NOW, seed=7)
    evaluate(connection, after(WINDOW, -1))
    first = evaluate(connection)
    rows = connection.execute(select(tutor_performance_metrics)).all()

    again = evaluate(connection)

    assert first.rows_written == 3 * first.tutors > 0
    assert (again.tutors, again.rows_written, again.rows_corrected) == (first.tutors, 0, 0)
    assert connection.execute(select(tutor_performance_metrics)).all() == rows


def test_a_marketplace_without_tutors_is_evaluated(connection: Connection) -> None:
    assert evaluate(connection) == EvaluationSummary(tutors=0, rows_written=0, rows_corrected=0, fell=())


def test_every_active_tutor_is_judged_over_each_window(connection: Connection) -> None:
    teaching, gone = add_tutor(connection), add_tutor(connection)
    add_session(connection, teaching)
    add_session(connection, gone, scheduled_start=NOW - 15 * DAY)

    summary = evaluate(connection)

    table = tutor_performance_metrics
    rows = connection.execute(select(table.c.tutor_id, table.c.window_days).order_by(table.c.window_days)).all()
    assert rows == [(teaching, 7), (teaching, 30), (teaching, 90)]
    assert (summary.tutors, summary.rows_written) == (1, 3)


# Only what changed is judged and written.


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("days", [0, 7, 30, 90])
def test_a_fact_that_enters_or_leaves_a_window_is_noticed(connection: Connection, kind: str, days: int) -> None:
    add, _, _ = FACTS[kind]
    tutor = add_teaching_tutor(connection)
    add(connection, tutor, NOW - days * DAY + timedelta(minutes=5))
    evaluate(connection)
    before = shown(connection, tutor)

    evaluate(connection, after(WINDOW, 1))

    assert shown(connection, tutor) != before
    assert_as_the_twin(connection, after(WINDOW, 1))


def test_nothing_is_written_for_a_tutor_whose_windows_hold_what_they_held(connection: Connection) -> None:
    add_teaching_tutor(connection)
    first = evaluate(connection)

    later = [evaluate(connection, after(WINDOW, number)) for number in (1, 2, 3)]

    assert first.rows_written == 3
    assert [(summary.tutors, summary.rows_written) for summary in later] == [(1, 0)] * 3


def test_who_is_active_no_more_is_judged_once_more_and_left_alone(connection: Connection) -> None:
    tutor, other = add_teaching_tutor(connection), add_teaching_tutor(connection)
    evaluate(connection)
    add_event(connection, tutor, "resignation", event_time=NOW + MOMENT)
    add_session(connection, other, scheduled_start=NOW + 10 * DAY)

    written = [evaluate(connection, Window(NOW + age)).rows_written for age in (QUARTER_HOUR, DAY, 6 * DAY)]

    # Three rows say so; the session leaves the 7 days after five days, and that is written for the other one only.
    assert written == [3, 0, 1]
    assert [stored(connection, one, window=Window(NOW + DAY)).active for one in (tutor, other)] == [False, True]


def test_who_is_active_again_is_judged_again(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    add_event(connection, tutor, "resignation", event_time=NOW + MOMENT)
    evaluate(connection)
    evaluate(connection, after(WINDOW, 1))
    add_session(connection, tutor, scheduled_start=NOW + HOUR)
    evaluate(connection, after(WINDOW, 8))

    active = [stored(connection, tutor, window=after(WINDOW, number)).active for number in (0, 1, 8)]

    assert active == [True, False, True]


def test_who_is_active_again_by_what_we_hear_only_now_is_judged_again(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=NOW - 14 * DAY)
    add_session(connection, tutor, scheduled_start=NOW - 10 * DAY, ingested_at=NOW + 6 * HOUR)

    for hours in (0, 3, 7):
        evaluate(connection, Window(NOW + hours * HOUR))

    active = [stored(connection, tutor, window=Window(NOW + hours * HOUR)).active for hours in (0, 3, 7)]
    assert active == [True, False, True]


def test_a_quarter_hour_judged_afterwards_leaves_the_later_ones_as_they_were(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    add_session(connection, tutor, scheduled_start=NOW + QUARTER_HOUR, status="tutor_no_show")
    LATE["login"](connection, tutor, NOW - 7 * DAY + 2 * QUARTER_HOUR, NOW)
    windows = [after(WINDOW, number) for number in (0, 3, 1, 2)]

    for window in windows:
        evaluate(connection, window)

    for window in windows:
        assert_as_the_twin(connection, window)


def shown(connection: Connection, tutor: int) -> list[tuple[Any, ...]]:
    """Return the newest metrics over each window."""
    return [
        tuple(
            getattr(stored(connection, tutor, days=days, window=Window(NOW + DAY)), column.name) for column in PICTURE
        )
        for days in (7, 30, 90)
    ]


def test_a_single_tutor_is_judged_active_or_not(connection: Connection) -> None:
    tutor, other = add_tutor(connection), add_tutor(connection)
    add_session(connection, other)

    summary = evaluate_single_tutor(connection, tutor, WINDOW)

    assert summary == EvaluationSummary(tutors=1, rows_written=3, rows_corrected=0, fell=())
    assert set(connection.execute(select(tutor_performance_metrics.c.tutor_id)).scalars()) == {tutor}


def test_an_unknown_tutor_is_refused(connection: Connection) -> None:
    with pytest.raises(UnknownTutorError):
        evaluate_single_tutor(connection, 123456789, WINDOW)


# Facts that arrive late.


def add_teaching_tutor(connection: Connection) -> int:
    """Add a tutor who is active at NOW and for a day after it, and whose judgements else stay as they are."""
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=NOW - 2 * DAY)
    return tutor


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


@pytest.mark.parametrize("kind", LATE)
def test_a_late_fact_corrects_every_judgement_it_belongs_to(connection: Connection, kind: str) -> None:
    tutor = add_teaching_tutor(connection)
    windows = [after(WINDOW, number) for number in range(4)]
    for window in windows:
        evaluate(connection, window)

    # Of the second quarter hour's last instant, and known after the fourth.
    now = after(WINDOW, 4)
    LATE[kind](connection, tutor, windows[1].end, now.end - MOMENT)
    summary = evaluate(connection, now)

    # Three rows that hold from there on, in place of the three that this evaluation wrote first.
    assert (summary.rows_written, summary.rows_corrected) == (3, 3 + 3)
    for window in (*windows, now):
        assert_as_the_twin(connection, window)


def test_quarter_hours_corrected_in_one_statement_keep_their_own_facts(connection: Connection) -> None:
    add_world(connection, NOW, seed=8)
    ids = connection.execute(select(tutors.c.tutor_id)).scalars().all()
    windows = [Window(NOW - age) for age in (80 * DAY, 20 * DAY, 5 * DAY, HOUR, timedelta())]
    for window in windows:
        for tutor in ids:
            evaluate_single_tutor(connection, tutor, window)
    for table in (sessions, student_feedback, tutor_events):
        connection.execute(update(table).values(ingested_at=NOW + MOMENT))
    connection.execute(delete(tutor_events).where(tutor_events.c.event_id % 2 == 0))

    summary = evaluate(connection, after(WINDOW, 1))

    assert summary.rows_corrected > 100
    for window in windows:
        assert_as_the_twin(connection, window)


@pytest.mark.parametrize(("age", "corrected"), [(3, 3), (8, 2), (31, 1), (91, 0)])
def test_a_late_fact_corrects_only_the_windows_that_reach_back_to_it(
    connection: Connection, age: int, corrected: int
) -> None:
    tutor = add_teaching_tutor(connection)
    evaluate(connection)

    LATE["session"](connection, tutor, NOW - age * DAY, NOW + MOMENT)

    summary = evaluate(connection, after(WINDOW, 1))

    # Each in place of one that this evaluation wrote first.
    assert (summary.rows_written, summary.rows_corrected) == (corrected, 2 * corrected)


def test_a_late_fact_older_than_every_window_is_nobodys(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    evaluate(connection)
    LATE["session"](connection, tutor, NOW - 90 * DAY, NOW + MOMENT)
    judge_tutors(connection, after(WINDOW, 1))

    piece = correct_judgements(connection, at_once=1)

    assert piece == Correction(rows=0, goes_on=False)


def test_an_outcome_learned_late_corrects(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    session = add_session(connection, tutor, status="scheduled")
    evaluate(connection)

    connection.execute(
        update(sessions)
        .where(sessions.c.session_id == session)
        .values(status="tutor_no_show", outcome_known_at=NOW + MOMENT)
    )
    summary = evaluate(connection, after(WINDOW, 1))

    assert summary.rows_corrected == 3 + 3
    assert stored(connection, tutor).no_show_count == 1


def test_what_was_still_being_written_at_an_evaluation_is_found_by_the_next(database: str) -> None:
    assert database
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection)
        evaluate(connection)
    with db.transaction() as slow:
        LATE["login"](slow, tutor, NOW - HOUR, NOW - 2 * HOUR)
        with db.transaction() as connection:
            meanwhile = evaluate(connection, after(WINDOW, 1))

    with db.transaction() as connection:
        summary = evaluate(connection, after(WINDOW, 20))

        assert (meanwhile.rows_corrected, summary.rows_corrected) == (0, 3 + 3)
        for window in (WINDOW, after(WINDOW, 1), after(WINDOW, 20)):
            assert_as_the_twin(connection, window)


def test_what_an_evaluation_has_seen_is_not_looked_at_again(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    evaluate(connection)
    LATE["login"](connection, tutor, NOW - HOUR, NOW + MOMENT)
    evaluate(connection, after(WINDOW, 8))

    assert evaluate(connection, after(WINDOW, 9)).rows_corrected == 0


def test_what_arrived_while_no_evaluation_ran_is_found_after_it(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    evaluate(connection)
    LATE["login"](connection, tutor, NOW - HOUR, NOW + 2 * HOUR)

    assert evaluate(connection, after(WINDOW, 40)).rows_corrected == 3 + 3


def test_a_tutor_judged_alone_meanwhile_hides_nothing(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    evaluate(connection)
    LATE["login"](connection, tutor, NOW - HOUR, NOW + 2 * HOUR)
    evaluate_single_tutor(connection, tutor, after(WINDOW, 39))

    evaluate(connection, after(WINDOW, 40))

    for quarters in (0, 39, 40):
        assert_as_the_twin(connection, after(WINDOW, quarters))


def test_what_arrives_between_an_evaluation_and_its_corrections_is_counted_by_it(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    judge_tutors(connection, WINDOW)
    LATE["login"](connection, tutor, NOW - HOUR, NOW + MOMENT)
    evaluate_single_tutor(connection, tutor, after(WINDOW, 1))

    correct_judgements(connection)

    assert_as_the_twin(connection, WINDOW)


def test_both_tutors_of_a_session_that_moves_are_corrected(connection: Connection) -> None:
    former, latter = add_teaching_tutor(connection), add_teaching_tutor(connection)
    session = add_session(connection, former)
    evaluate(connection)

    connection.execute(update(sessions).where(sessions.c.session_id == session).values(tutor_id=latter))
    evaluate(connection, after(WINDOW, 1))

    assert [stored(connection, tutor).sessions_scheduled for tutor in (former, latter)] == [1, 2]


def test_what_is_removed_is_counted_no_more(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    session = add_session(connection, tutor)
    evaluate(connection)

    connection.execute(delete(sessions).where(sessions.c.session_id == session))
    evaluate(connection, after(WINDOW, 1))

    assert stored(connection, tutor).sessions_scheduled == 1


def test_a_tutor_who_has_left_is_corrected_too(connection: Connection) -> None:
    tutor, _ = add_teaching_tutor(connection), add_teaching_tutor(connection)
    evaluate(connection)
    add_event(connection, tutor, "resignation", event_time=NOW + MOMENT)
    LATE["login"](connection, tutor, NOW - HOUR, NOW + MOMENT)

    summary = evaluate(connection, after(WINDOW, 1))

    assert (summary.tutors, summary.rows_corrected) == (1, 3)


@pytest.mark.parametrize(("at_once", "pieces"), [(1, 16), (4, 4), (15, 2), (16, 1)])
def test_a_correction_goes_on_where_its_last_piece_ended(connection: Connection, at_once: int, pieces: int) -> None:
    ids = [add_teaching_tutor(connection) for _ in range(5)]
    for number in range(4):
        evaluate(connection, after(WINDOW, number))
    for tutor in ids:
        LATE["login"](connection, tutor, after(WINDOW, 1).end, NOW + HOUR)
    judge_tutors(connection, after(WINDOW, 5))

    made = [correct_judgements(connection, at_once=at_once)]
    while made[-1].goes_on:
        made.append(correct_judgements(connection, at_once=at_once))

    assert len(made) == pieces
    assert sum(piece.rows for piece in made) == 5 * (3 + 3)
    for number in (0, 1, 2, 3, 5):
        assert_as_the_twin(connection, after(WINDOW, number))


def test_a_corrected_row_says_when(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    evaluate(connection)
    before = stored(connection, tutor)
    LATE["login"](connection, tutor, NOW - HOUR, NOW + MOMENT)

    evaluate(connection, after(WINDOW, 1))

    assert stored(connection, tutor).evaluated_at > before.evaluated_at


# Tutors whose tier falls.


def store_tier(connection: Connection, tutor: int, window: Window, tier: Tier | None, *, days: int = 30) -> None:
    values = {
        "tutor_id": tutor,
        "window_end": window.end,
        "window_days": days,
        "sessions_scheduled": 9,
        "sessions_completed": 9,
        "no_show_count": 0,
        "green_flags": 0,
        "red_flags": 0,
        "tier": tier,
    }
    connection.execute(insert(tutor_performance_metrics).values(values))


def settle(connection: Connection) -> None:
    """Let the judgements that are stored have counted every fact there is."""
    rollup.sum_up(connection)
    connection.execute(delete(touched_tutors))


@pytest.mark.parametrize(
    ("before", "fell"),
    [
        (Tier.EXEMPLARY, True),
        (Tier.STRONG, True),
        (Tier.DEVELOPING, False),
        (Tier.NEEDS_ATTENTION, False),
        (Tier.AT_RISK, False),
        (None, False),
    ],
)
def test_a_tutor_fell_whose_tier_was_higher_before(connection: Connection, before: Tier | None, fell: bool) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 5, status="student_no_show")
    add_session(connection, tutor, engagement_score=None, objectives_met=None)
    store_tier(connection, tutor, after(WINDOW, -3), before)
    settle(connection)

    summary = evaluate(connection)

    assert stored(connection, tutor, days=30).tier == Tier.DEVELOPING
    assert summary.fell == ((tutor,) if fell else ())
    assert evaluate_single_tutor(connection, tutor, WINDOW).fell == summary.fell


def test_a_fall_is_told_once(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 5, status="tutor_no_show")
    add_session(connection, tutor)
    store_tier(connection, tutor, after(WINDOW, -1), Tier.STRONG)

    assert [evaluate(connection, after(WINDOW, number)).fell for number in range(3)] == [(tutor,), (), ()]


def test_only_the_tier_of_30_days_falls(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 5, status="student_no_show")
    add_session(connection, tutor, engagement_score=None, objectives_met=None)
    store_tier(connection, tutor, after(WINDOW, -2), Tier.DEVELOPING)
    for days in (7, 90):
        store_tier(connection, tutor, after(WINDOW, -1), Tier.EXEMPLARY, days=days)

    assert evaluate(connection).fell == ()


def test_losing_the_evidence_is_no_fall(connection: Connection) -> None:
    tutor = add_teaching_tutor(connection)
    store_tier(connection, tutor, after(WINDOW, -1), Tier.EXEMPLARY)

    assert evaluate(connection).fell == ()


def test_a_fall_that_late_facts_move_into_the_past_is_told(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_sessions(connection, tutor, 5, status="student_no_show")
    add_session(connection, tutor, engagement_score=None, objectives_met=None)
    evaluate(connection)
    for _ in range(2):
        LATE["session"](connection, tutor, NOW - HOUR, NOW + MOMENT)

    summary = evaluate(connection, after(WINDOW, 1))

    assert stored(connection, tutor, days=30).tier == Tier.NEEDS_ATTENTION
    assert summary.fell == (tutor,)
