"""Facts that arrive late, move or go correct every judgement that they belong to, and no other."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, select, update

from tests.conftest import NOW
from tests.evaluation.judging import (
    DAY,
    HOUR,
    LATE,
    MOMENT,
    WINDOW,
    add_teaching_tutor,
    after,
    assert_as_the_twin,
    evaluate,
    stored,
)
from tests.evaluation.world import add_world
from tests.factories import add_event, add_session
from tutormax import db
from tutormax.evaluation import Correction, correct_judgements, evaluate_single_tutor, judge_tutors
from tutormax.tables import sessions, student_feedback, tutor_events, tutors
from tutormax.windows import Window


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


@pytest.mark.parametrize("older_first", [True, False])
def test_facts_noted_one_after_the_other_correct_all_that_they_belong_to(
    connection: Connection, older_first: bool
) -> None:
    tutor = add_teaching_tutor(connection)
    judged = [WINDOW, after(WINDOW, 4), after(WINDOW, 8)]
    for window in judged:
        evaluate(connection, window)
    # The older one belongs to the first judgement only, the newer one to the last.
    times = [judged[0].end - 90 * DAY + MOMENT, judged[-1].end - MOMENT]
    first, second = times if older_first else reversed(times)

    LATE["session"](connection, tutor, first, judged[-1].end + MOMENT)
    evaluate_single_tutor(connection, tutor, after(WINDOW, 9))
    LATE["session"](connection, tutor, second, after(WINDOW, 9).end + MOMENT)
    evaluate(connection, after(WINDOW, 10))

    for window in (*judged, after(WINDOW, 9), after(WINDOW, 10)):
        assert_as_the_twin(connection, window)


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
