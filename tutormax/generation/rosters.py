"""Who teaches whom: each tutor's students, those who come and those who leave."""

from dataclasses import dataclass

import numpy as np

from tutormax.generation.columns import Columns
from tutormax.generation.process import BASELINES, Integers
from tutormax.generation.tutors import Tutors

PLACES = 24
FEWEST, FEWEST_OF_THE_NEW = 2, 3
USUAL_STUDENTS_PER_WEEKLY_SESSION = 0.6
# A first session is often a trial; the others stay, about as many as leave an average tutor.
STAYS_AFTER_THE_FIRST = 0.4


@dataclass(frozen=True, slots=True)
class Rosters(Columns):
    """Each tutor's students, in the first `size` of PLACES places, with the sessions that each has booked so far."""

    tutor: Integers
    size: Integers
    students: Integers
    booked: Integers


@dataclass(frozen=True, slots=True)
class Pick:
    """A student for each of some sessions, and which session with the tutor it is."""

    student: Integers
    number: Integers


def opening(tutors: Tutors, next_student: int, rng: np.random.Generator, *, new: bool = False) -> Rosters:
    """Return the students that tutors begin with, numbered from next_student on."""
    usual = FEWEST + np.rint(USUAL_STUDENTS_PER_WEEKLY_SESSION * BASELINES[tutors.baseline]).astype(np.int64)
    size = np.full(len(tutors), FEWEST_OF_THE_NEW) if new else usual
    filled = np.arange(PLACES) < size[:, None]
    students = np.zeros(filled.shape, np.int64)
    students[filled] = next_student + np.arange(filled.sum())
    # They were handed over by other tutors, or the marketplace is older than what we see of it.
    return Rosters(tutors.ordinal, size, students, rng.integers(1, 20, size=filled.shape) * filled)


def pick(rosters: Rosters, places: Integers, rng: np.random.Generator) -> tuple[Rosters, Pick]:
    """Return a student of its tutor for each session (a position in rosters), and the rosters that remember it."""
    seat = (rng.random(len(places)) * rosters.size[places]).astype(np.int64)
    number = rosters.booked[places, seat] + rank_within(places * PLACES + seat) + 1
    booked = rosters.booked.copy()
    np.add.at(booked, (places, seat), 1)
    return rosters.with_(booked=booked), Pick(rosters.students[places, seat], number)


def admit(rosters: Rosters, places: Integers, students: Integers, rng: np.random.Generator) -> Rosters:
    """Return the rosters with those students who stay after a first session; a full one gives up another student."""
    staying = rng.random(len(places)) < STAYS_AFTER_THE_FIRST
    places, students = places[staying], students[staying]
    seat = rosters.size[places] + rank_within(places)
    seat = np.where(seat < PLACES, seat, (rng.random(len(places)) * PLACES).astype(np.int64))
    changed = rosters.with_(students=rosters.students.copy(), booked=rosters.booked.copy())
    changed.students[places, seat] = students
    changed.booked[places, seat] = 1
    size = np.minimum(PLACES, rosters.size + np.bincount(places, minlength=len(rosters)))
    return changed.with_(size=size)


def lose(rosters: Rosters, lost: Integers, rng: np.random.Generator) -> Rosters:
    """Return the rosters after some students of each tutor have left; a tutor keeps FEWEST."""
    places = np.flatnonzero(lost)
    chance = rng.random((len(places), PLACES))
    chance[np.arange(PLACES) >= rosters.size[places, None]] = 2.0
    order = np.argsort(chance, axis=1)
    changed = rosters.with_(students=rosters.students.copy(), booked=rosters.booked.copy())
    changed.students[places] = np.take_along_axis(rosters.students[places], order, axis=1)
    changed.booked[places] = np.take_along_axis(rosters.booked[places], order, axis=1)
    return changed.with_(size=np.maximum(np.minimum(rosters.size, FEWEST), rosters.size - lost))


def rank_within(keys: Integers) -> Integers:
    """Return for each element how many earlier ones have its key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(keys) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(keys)])
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys)) - np.repeat(starts, lengths)
    return rank
