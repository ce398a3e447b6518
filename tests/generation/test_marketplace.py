"""The rows of a day are the day's draws, told consistently, and what is booked ahead tells nothing of later days."""

from dataclasses import replace

import numpy as np
import pytest

from tutormax.generation import observables, world
from tutormax.generation.archive import packed, unpacked
from tutormax.generation.instants import DAY, HOUR, NEVER
from tutormax.generation.marketplace import Marketplace, Told, already_there, opened, tell
from tutormax.generation.process import BASELINES, CLASS_OF, Integers, Parameters
from tutormax.generation.rows import EVENT_TYPES, Events, EventType, Status

FIRST_DAY, DAYS = 20_600, 28
PARAMETERS = Parameters(tutors=150, burn_in_days=90)


@pytest.fixture(scope="module")
def morning() -> Marketplace:
    return opened(PARAMETERS, 7, FIRST_DAY)


@pytest.fixture(scope="module")
def days(morning: Marketplace) -> list[tuple[world.Day, Told]]:
    told, marketplace = [], morning
    for _ in range(DAYS):
        rows, after = tell(marketplace)
        told.append((world.live(marketplace.world), rows))
        marketplace = after
    return told


def of_kind(events: Events, kind: EventType) -> Events:
    return events.take(events.kind == EVENT_TYPES.index(kind))


def per_tutor(day: world.Day, ordinals: Integers) -> list[int]:
    return [int((ordinals == tutor).sum()) for tutor in day.tutors.ordinal]


def test_every_draw_is_told(days: list[tuple[world.Day, Told]]) -> None:
    for day, rows in days:
        counts, decided = day.draws.counts, rows.decided
        completed = decided.take(decided.status == Status.COMPLETED)
        assert per_tutor(day, completed.tutor) == counts.completed.tolist()
        assert per_tutor(day, completed.tutor[completed.number == 1]) == counts.first.tolist()
        no_shows = decided.take(decided.status == Status.TUTOR_NO_SHOW)
        assert per_tutor(day, no_shows.tutor) == counts.no_shows.tolist()
        assert per_tutor(day, no_shows.tutor[no_shows.replaced]) == counts.no_shows_replaced.tolist()
        early = no_shows.take(no_shows.start % DAY < 12 * HOUR)
        assert per_tutor(day, early.tutor) == counts.no_shows_in_the_morning.tolist()
        arranged = decided.take((decided.status == Status.CANCELLED) & decided.replaced)
        assert per_tutor(day, arranged.tutor) == counts.arranged_replacements.tolist()
        for kind, column in (
            (EventType.LOGIN, counts.logins),
            (EventType.MESSAGE_RESPONSE, counts.messages),
            (EventType.TRAINING_COMPLETED, counts.trainings),
            (EventType.RESCHEDULE, counts.tutor_reschedules + counts.student_reschedules),
        ):
            assert per_tutor(day, of_kind(rows.events, kind).tutor) == column.tolist()


def test_each_completed_session_shows_what_was_drawn_for_it(days: list[tuple[world.Day, Told]]) -> None:
    for day, rows in days:
        taught = day.draws.taught
        completed = rows.decided.take(rows.decided.status == Status.COMPLETED)
        place = np.searchsorted(day.tutors.ordinal, completed.tutor)
        for column, drawn in (
            (completed.engagement.round(4), taught.engagement.round(4)),
            (completed.objectives, taught.objectives),
        ):
            shown = np.bincount(place, column, minlength=len(day.tutors))
            assert shown == pytest.approx(np.bincount(taught.tutor, drawn, minlength=len(day.tutors)))
        late = np.bincount(place[completed.late_minutes > 5], minlength=len(day.tutors))
        assert late.tolist() == np.bincount(taught.tutor[taught.late], minlength=len(day.tutors)).tolist()


def test_a_first_session_failed_exactly_if_a_rated_one_shows_it(days: list[tuple[world.Day, Told]]) -> None:
    seen = set()
    for day, rows in days:
        taught = day.draws.taught
        completed = rows.decided.take(rows.decided.status == Status.COMPLETED)
        late = dict(zip(completed.session.tolist(), completed.late_minutes.tolist(), strict=True))
        first = rows.feedback.take(rows.feedback.first)
        shown = [
            rating < 3 or late[session] > 10
            for session, rating in zip(first.session.tolist(), first.rating.tolist(), strict=True)
        ]
        rated = taught.first & (taught.rating > 0)
        assert shown == taught.failed[rated].tolist()
        seen |= set(shown)
    assert seen == {True, False}


def test_what_is_booked_ahead_tells_nothing_of_later_days(morning: Marketplace) -> None:
    def booked(marketplace: Marketplace) -> list[int]:
        rows, _ = tell(marketplace)
        return [int(start) for start in rows.booked.start[rows.booked.start >= (FIRST_DAY + 1) * DAY]]

    rows, today = tell(morning)
    _, tomorrow = tell(today)
    other_future = replace(today, world=replace(today.world, seed=99))

    assert booked(today) != booked(other_future)
    assert tell(morning)[0].booked.start.tolist() == rows.booked.start.tolist()
    ahead = today.book.take(today.book.start >= (FIRST_DAY + 2) * DAY)
    kept = np.isin(ahead.session, tomorrow.book.session) | np.isin(
        ahead.tutor, world.live(today.world).resigned.ordinal
    )
    assert kept.all()


def test_bookings_follow_the_level_of_the_day_they_are_made_on(days: list[tuple[world.Day, Told]]) -> None:
    tables = observables.observables(PARAMETERS)
    expected = observed = low_expected = low_observed = 0.0
    for day, rows in days:
        weekday = observables.weekday_of(day.day)
        visible = CLASS_OF[day.tutors.state]
        usual = observables.usual_volume(BASELINES[day.tutors.baseline], weekday, day.tutors.tenure_days(day.day))
        ahead = observables.booking_shares(weekday).sum() / observables.WEEKDAY_VOLUME[weekday]
        rate = usual * ahead * tables.booking[visible] * day.tutors.open_spell
        count = np.array(per_tutor(day, rows.booked.tutor[rows.booked.start >= (day.day + 1) * DAY]))
        low = visible <= 2
        expected, observed = expected + rate.sum(), observed + count.sum()
        low_expected, low_observed = low_expected + rate[low].sum(), low_observed + count[low].sum()

    assert observed == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert low_observed == pytest.approx(low_expected, abs=4 * np.sqrt(low_expected))


def test_students_leave_tutors_whose_level_falls(days: list[tuple[world.Day, Told]]) -> None:
    lost = np.zeros(2)
    weeks = np.zeros(2)
    for day, _ in days:
        visible = CLASS_OF[day.tutors.state]
        weekly = (day.day + day.tutors.ordinal) % 7 == 0
        for group, members in enumerate((visible <= 2, (visible >= 5) & (visible <= 7))):
            lost[group] += day.draws.counts.students_lost[members].sum()
            weeks[group] += (BASELINES[day.tutors.baseline] / 15)[weekly & members].sum()

    assert lost[0] / weeks[0] > 1.5 * lost[1] / weeks[1]


def test_nobody_knows_anything_before_it_happened(days: list[tuple[world.Day, Told]]) -> None:
    for _, rows in days:
        sessions = rows.decided
        assert (sessions.booked < sessions.start).all()
        assert (sessions.booking_known <= sessions.known).all()
        assert (sessions.known < NEVER).all()
        completed = sessions.take(sessions.status == Status.COMPLETED)
        assert (completed.known >= completed.ended).all()
        cancelled = sessions.take(sessions.status == Status.CANCELLED)
        assert ((cancelled.booked <= cancelled.cancelled) & (cancelled.cancelled < cancelled.start)).all()
        assert (rows.feedback.known >= rows.feedback.submitted).all()
        assert (rows.events.known >= rows.events.happened).all()


def test_nobody_is_booked_for_before_being_known(morning: Marketplace, days: list[tuple[world.Day, Told]]) -> None:
    told = Told.concatenated([already_there(morning), *(rows for _, rows in days)])
    known = np.full(int(told.students.student.max()) + 1, NEVER)
    known[told.students.student] = told.students.known

    assert (known[told.booked.student] <= told.booked.booking_known).all()


def test_tutors_do_not_teach_two_at_once(days: list[tuple[world.Day, Told]]) -> None:
    starts = np.concatenate(
        [
            np.stack([rows.decided.tutor, rows.decided.start])[:, rows.decided.status == Status.COMPLETED]
            for _, rows in days
        ],
        axis=1,
    )

    assert np.unique(starts, axis=1).shape[1] > 0.999 * starts.shape[1]


def test_bookings_with_a_tutor_who_resigns_are_called_off_at_once(morning: Marketplace) -> None:
    marketplace, found = morning, 0
    for _ in range(DAYS):
        day = world.live(marketplace.world)
        rows, after = tell(marketplace)
        gone = day.resigned.ordinal
        resignation = of_kind(rows.events, EventType.RESIGNATION)
        abandoned = rows.decided.take(np.isin(rows.decided.tutor, gone))
        assert sorted(resignation.tutor.tolist()) == sorted(gone.tolist())
        assert (abandoned.status == Status.CANCELLED).all()
        assert set(abandoned.cancelled.tolist()) <= set(resignation.happened.tolist())
        assert not np.isin(after.book.tutor, gone).any()
        marketplace, found = after, found + len(abandoned)
    assert found > 0


def test_a_marketplace_that_was_packed_goes_on_as_if_it_had_not_been(morning: Marketplace) -> None:
    rows, _ = tell(morning)

    marketplace, late = unpacked(packed(morning, rows), PARAMETERS, 7, FIRST_DAY)

    again, _ = tell(marketplace)
    for table in ("tutors", "students", "booked", "decided", "feedback", "events"):
        for expected, *others in zip(
            getattr(rows, table).arrays().values(),
            getattr(late, table).arrays().values(),
            getattr(again, table).arrays().values(),
            strict=True,
        ):
            assert all(np.array_equal(expected, other, equal_nan=True) for other in others)
