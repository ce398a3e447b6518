"""What the whole days of windows add up to is kept for a day's judgements, and no longer than it holds."""

from datetime import date

from sqlalchemy import Connection, select, text, update

from tests.conftest import NOW
from tests.evaluation.judging import DAY, HOUR, WINDOW, after, evaluate
from tests.evaluation.world import add_world
from tests.factories import add_session, add_tutor
from tutormax import rollup, window_sums
from tutormax.tables import tutor_days, tutor_windows
from tutormax.windows import Window

SUMS = [column for column in tutor_windows.c if column.name not in ("tutor_id", "ends_on", "window_days")]


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


def sums(connection: Connection) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Return what adds up to something, by tutor, day and window."""
    table = tutor_windows.c
    rows = connection.execute(select(table.tutor_id, table.ends_on, table.window_days, *SUMS)).all()
    return {tuple(row[:3]): tuple(row[3:]) for row in rows if any(row[3:])}


def test_a_day_goes_on_from_the_one_before_to_the_same_sums(connection: Connection) -> None:
    add_world(connection, NOW, seed=5, tutors=4, facts=600)
    rollup.sum_up(connection)
    tutors = connection.execute(select(tutor_days.c.tutor_id).distinct()).scalars().all()
    ends = [NOW.date() + number * DAY for number in range(-30, 95)]
    for end in ends:
        window_sums.sum_up(connection, [(tutor, end) for tutor in tutors])
    gone_on = sums(connection)

    window_sums.forget_ended(connection, before=ends[-1] + DAY)
    window_sums.sum_up(connection, [(tutor, end) for tutor in tutors for end in ends])

    assert len(gone_on) > 500
    assert gone_on == sums(connection)


def test_what_a_day_goes_on_from_is_not_summed_up_again(connection: Connection) -> None:
    tutor, today = add_tutor(connection), NOW.date()
    add_session(connection, tutor, scheduled_start=NOW - 2 * DAY)
    rollup.sum_up(connection)
    window_sums.sum_up(connection, [(tutor, today)])
    connection.execute(update(tutor_windows).values(scheduled=100))

    window_sums.sum_up(connection, [(tutor, today + DAY)])

    assert connection.execute(select(tutor_windows.c.scheduled)).scalars().all() == [100, 100]


def test_that_a_tutor_did_nothing_is_kept_as_well(connection: Connection) -> None:
    tutor, today = add_tutor(connection), NOW.date()

    window_sums.sum_up(connection, [(tutor, today)])
    window_sums.sum_up(connection, [(tutor, today + DAY)])

    assert kept(connection) == {today, today + DAY}
    assert sums(connection) == {}


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
