"""What the whole days of windows add up to is kept for a day's judgements, and no longer than it holds."""

from datetime import date

from sqlalchemy import Connection, select, text

from tests.conftest import NOW
from tests.evaluation.judging import DAY, HOUR, WINDOW, after, evaluate
from tests.factories import add_session, add_tutor
from tutormax import rollup
from tutormax.tables import tutor_windows
from tutormax.windows import Window


def kept(connection: Connection) -> set[date]:
    """Return the days on which windows end whose sums are kept."""
    return set(connection.execute(select(tutor_windows.c.ends_on)).scalars())


def test_the_next_quarter_hour_of_a_day_finds_them(connection: Connection) -> None:
    tutor = add_tutor(connection)
    for back in (2, 8, 40):
        add_session(connection, tutor, scheduled_start=NOW - back * DAY)
    evaluate(connection)
    before = connection.execute(select(text("ctid"), tutor_windows)).all()

    add_session(connection, tutor, scheduled_start=NOW)
    evaluate(connection, after(WINDOW, 1))

    assert [row.window_days for row in sorted(before, key=lambda row: row.window_days)] == [7, 30, 90]
    assert connection.execute(select(text("ctid"), tutor_windows)).all() == before


def test_a_day_that_changes_is_forgotten_by_the_windows_that_hold_all_of_it(connection: Connection) -> None:
    tutor, other = add_tutor(connection, joined_at=NOW - 200 * DAY), add_tutor(connection)
    forgotten = set()
    for back in range(-1, 93):
        for whose in (tutor, other):
            add_session(connection, whose, scheduled_start=NOW - 3 * DAY)
        evaluate(connection)
        add_session(connection, tutor, scheduled_start=NOW - back * DAY)
        rollup.sum_up(connection)
        still = set(connection.execute(select(tutor_windows.c.tutor_id)).scalars())
        forgotten |= set() if tutor in still else {back}
        assert other in still

    assert forgotten == set(range(1, 90))


def test_a_removed_day_is_forgotten_too(connection: Connection) -> None:
    add_session(connection, add_tutor(connection), scheduled_start=NOW - 2 * DAY)
    evaluate(connection)

    connection.execute(text("delete from tutor_days"))

    assert kept(connection) == set()


def test_they_go_after_two_days(connection: Connection) -> None:
    tutor = add_tutor(connection)
    add_session(connection, tutor, scheduled_start=NOW - 2 * DAY)
    found = []
    for days in range(3):
        add_session(connection, tutor, scheduled_start=NOW + days * DAY - HOUR)
        evaluate(connection, Window(WINDOW.end + days * DAY))
        found.append(kept(connection))

    today = NOW.date()
    assert found == [{today}, {today, today + DAY}, {today + DAY, today + 2 * DAY}]
