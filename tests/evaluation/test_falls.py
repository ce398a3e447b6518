"""Tutors whose tier falls."""

import pytest
from sqlalchemy import Connection, delete, insert

from tests.conftest import NOW
from tests.evaluation.judging import (
    HOUR,
    LATE,
    MOMENT,
    WINDOW,
    add_sessions,
    add_teaching_tutor,
    after,
    evaluate,
    stored,
)
from tests.factories import add_session, add_tutor
from tutormax import rollup
from tutormax.evaluation import Tier, evaluate_single_tutor
from tutormax.tables import touched_tutors, tutor_performance_metrics
from tutormax.windows import Window


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
