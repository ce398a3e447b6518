"""Only tutors whose picture can have changed are judged, and only a picture that has is written."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from tests.conftest import NOW
from tests.evaluation.judging import (
    DAY,
    FACTS,
    HOUR,
    LATE,
    MOMENT,
    PICTURE,
    WINDOW,
    add_teaching_tutor,
    after,
    assert_as_the_twin,
    evaluate,
    stored,
)
from tests.factories import add_event, add_session, add_tutor
from tutormax.evaluation import EvaluationSummary, evaluate_single_tutor
from tutormax.tables import tutor_performance_metrics
from tutormax.tutors import UnknownTutorError
from tutormax.windows import QUARTER_HOUR, Window


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
