"""The agenda: sessions booked ahead, and what becomes of a day's bookings.

Bookings made in advance depend on the state of the day they are made on and on nothing later. On the day itself the
process says how many sessions take place; bookings fill them as far as they reach, the rest are booked that morning,
and bookings beyond them are cancelled. So nothing that is known beforehand tells more than the process lets it.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from tutormax.generation import instants, observables, rosters, rows
from tutormax.generation.draws import Counts
from tutormax.generation.identifiers import scrambled
from tutormax.generation.instants import DAY, HOUR, MINUTE
from tutormax.generation.process import Flags, Integers, Parameters
from tutormax.generation.rosters import Rosters, rank_within
from tutormax.generation.rows import Sessions
from tutormax.generation.tutors import Tutors

# Thirteen hours, a prime, so that any stride visits each once; three of them are mornings.
FIRST_HOUR, HOURS = 9, 13
MORNING_HOURS = 3
# Work begins before the first session: by then the new have joined and the resigned have gone.
OPENING = 6 * HOUR + 10 * MINUTE
LENGTHS, LENGTH_SHARES = np.array([60, 45, 30]), np.array([0.70, 0.20, 0.10])
NOT_CANCELLED = 0.15
"""Share of the bookings too many whose student simply does not come."""


class Role(IntEnum):
    """What a day makes of one session."""

    COMPLETED = 0
    FIRST = 1
    NO_SHOW = 2
    REPLACED = 3
    STUDENT_NO_SHOW = 4
    CANCELLED = 5


class Need(IntEnum):
    """What a day may still need when its bookings are used up."""

    FIRST = 0
    COMPLETED = 1
    MORNING_NO_SHOW = 2
    LATER_NO_SHOW = 3
    REPLACED = 4


_ROLE_OF_NEED = np.array([Role.FIRST, Role.COMPLETED, Role.NO_SHOW, Role.NO_SHOW, Role.REPLACED])


@dataclass(frozen=True, slots=True)
class Desk:
    """Where bookings are made for one day's tutors."""

    day: int
    first_day: int
    tutors: Tutors
    rosters: Rosters
    parameters: Parameters
    next_session: int
    next_student: int
    rng: np.random.Generator

    def position(self, ordinals: Integers) -> Integers:
        """Return where tutors stand among the day's."""
        return np.searchsorted(self.tutors.ordinal, ordinals)

    def arrival(self, happened: Integers, lag: Integers | int = 0) -> Integers:
        """Return when news arrives."""
        return instants.arrival(happened, lag, self.parameters, self.first_day)


def slot(tutors: Tutors, day: Integers | int, rank: Integers) -> Integers:
    """Return when the session of a rank begins on a tutor's day: no two of the first thirteen meet."""
    mixed = scrambled(tutors.ordinal * 100_003 + day).astype(np.int64) & 0xFFFFFFFF
    hour = FIRST_HOUR + (mixed % HOURS + rank * (1 + mixed // HOURS % (HOURS - 1))) % HOURS
    return np.asarray(day * DAY + hour * HOUR + _quarter(tutors))


def book_ahead(desk: Desk, counts: Counts, book: Sessions) -> tuple[Desk, Sessions]:
    """Make the bookings of a day for a week and more ahead."""
    place = np.repeat(np.arange(len(desk.tutors)), counts.bookings)
    shares = observables.booking_shares(observables.weekday_of(desk.day))
    lead = desk.rng.choice(observables.BOOKING_LEADS, len(place), p=shares / shares.sum())
    taken = np.zeros((len(desk.tutors), observables.BOOKING_LEADS[-1] + 1), np.int64)
    np.add.at(taken, (desk.position(book.tutor), book.start // DAY - desk.day), 1)
    rank = taken[place, lead] + rank_within(place * DAY + lead)
    start = slot(desk.tutors.take(place), desk.day + lead, rank)
    booked = instants.spread(desk.day * DAY + OPENING, desk.day * DAY + 23 * HOUR, desk.rng.random(len(place)))
    return _booked(desk, place, start, booked)


def roles_of_bookings(desk: Desk, due: Sessions, counts: Counts) -> Integers:
    """Return what becomes of each booking of the day."""
    place = desk.position(due.tutor)
    morning = _is_morning(due.start)
    shuffled = desk.rng.permutation(len(due))
    role = np.full(len(due), Role.CANCELLED)

    wanted = np.where(morning, counts.no_shows_in_the_morning[place], _later_no_shows(counts)[place])
    role[_first_of(place * 2 + morning, np.ones(len(due), np.bool_), wanted, shuffled)] = Role.NO_SHOW
    wanted = (counts.completed - counts.first)[place]
    role[_first_of(place, role == Role.CANCELLED, wanted, shuffled)] = Role.COMPLETED
    wanted = counts.arranged_replacements[place]
    role[_first_of(place, role == Role.CANCELLED, wanted, shuffled)] = Role.REPLACED
    role[(role == Role.CANCELLED) & (desk.rng.random(len(due)) < NOT_CANCELLED)] = Role.STUDENT_NO_SHOW
    return role


def book_today(desk: Desk, due: Sessions, roles: Integers, counts: Counts) -> tuple[Desk, Sessions, Integers]:
    """Book what the day needs beyond its bookings; return the sessions, first ones before others, and their roles."""
    missing = _missing(desk, due, roles, counts)
    needed = np.repeat(np.arange(missing.size), missing.ravel())
    place, need = needed // len(Need), needed % len(Need)
    start = _free_slots(desk, place, need, taken=np.bincount(desk.position(due.tutor), minlength=len(desk.tutors)))
    opens = desk.day * DAY + OPENING
    booked = instants.spread(opens, start - 20 * MINUTE, desk.rng.random(len(start)))
    desk, sessions = _booked(desk, place, start, booked, first=need == Need.FIRST)
    return desk, sessions, _ROLE_OF_NEED[need]


def _missing(desk: Desk, due: Sessions, roles: Integers, counts: Counts) -> Integers:
    """Return how many sessions of each Need (column) the bookings leave open for each tutor (row)."""
    place, morning = desk.position(due.tutor), _is_morning(due.start)

    def covered(which: Flags) -> Integers:
        return np.bincount(place[which], minlength=len(desk.tutors))

    wanted = {
        Need.FIRST: counts.first,
        Need.COMPLETED: counts.completed - counts.first - covered(roles == Role.COMPLETED),
        Need.MORNING_NO_SHOW: counts.no_shows_in_the_morning - covered((roles == Role.NO_SHOW) & morning),
        Need.LATER_NO_SHOW: _later_no_shows(counts) - covered((roles == Role.NO_SHOW) & ~morning),
        Need.REPLACED: counts.arranged_replacements - covered(roles == Role.REPLACED),
    }
    return np.stack([wanted[need] for need in Need], axis=1)


def _later_no_shows(counts: Counts) -> Integers:
    return counts.no_shows - counts.no_shows_in_the_morning


def _first_of(keys: Integers, free: Flags, wanted: Integers, shuffled: Integers) -> Integers:
    """Pick, in shuffled order, as many free ones of each key as are wanted."""
    candidates = shuffled[free[shuffled]]
    return candidates[rank_within(keys[candidates]) < wanted[candidates]]


def _free_slots(desk: Desk, place: Integers, need: Integers, taken: Integers) -> Integers:
    """Return slots after those already taken; a no-show is put into the half of the day that it was drawn for."""
    tutors = desk.tutors.take(place)
    start = slot(tutors, desk.day, taken[place] + rank_within(place))
    chance = desk.rng.random(len(place))
    early, late = need == Need.MORNING_NO_SHOW, need == Need.LATER_NO_SHOW
    hour = np.where(early, chance * MORNING_HOURS, MORNING_HOURS + chance * (HOURS - MORNING_HOURS)).astype(np.int64)
    return np.where(early | late, desk.day * DAY + (FIRST_HOUR + hour) * HOUR + _quarter(tutors), start)


def _booked(
    desk: Desk, place: Integers, start: Integers, booked: Integers, *, first: Flags | None = None
) -> tuple[Desk, Sessions]:
    """Book sessions: first ones with students nobody knew, the others with the tutor's own."""
    count = len(place)
    first = np.zeros(count, np.bool_) if first is None else first
    changed, known = rosters.pick(desk.rosters, place[~first], desk.rng)
    student, number = np.empty(count, np.int64), np.ones(count, np.int64)
    student[~first], number[~first] = known.student, known.number
    student[first] = desk.next_student + np.arange(first.sum())
    changed = rosters.admit(changed, place[first], student[first], desk.rng)
    tutors = desk.tutors.take(place)
    sessions = rows.scheduled(
        session=desk.next_session + np.arange(count),
        tutor=tutors.ordinal,
        student=student,
        number=number,
        subject=rows.subject_of(tutors, student),
        start=start,
        minutes=desk.rng.choice(LENGTHS, count, p=LENGTH_SHARES),
        booked=booked,
        booking_known=desk.arrival(booked),
    )
    moved_on = replace(
        desk,
        rosters=changed,
        next_session=desk.next_session + count,
        next_student=desk.next_student + int(first.sum()),
    )
    return moved_on, sessions


def _is_morning(start: Integers) -> Flags:
    return np.asarray(start % DAY < 12 * HOUR)


def _quarter(tutors: Tutors) -> Integers:
    return np.asarray(tutors.ordinal * 7 % 4 * 15 * MINUTE)
