"""Flags exactly at their thresholds, and the tiers that follow from them."""

import pytest
from sqlalchemy import Connection

from tests.conftest import NOW
from tests.evaluation.judging import DAY, WINDOW, add_logins, add_ratings, add_sessions, judged, stored
from tests.factories import add_event, add_tutor
from tutormax.evaluation import Tier, evaluate_single_tutor

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
