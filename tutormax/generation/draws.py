"""One day's observables of every tutor: counts for a tutor and day, and one row for each completed session.

Sums of the session rows are the daily statistics that an oracle's likelihood reads.
"""

from dataclasses import dataclass

import numpy as np

from tutormax.generation import observables as seen
from tutormax.generation.columns import Columns
from tutormax.generation.process import (
    BASELINES,
    CLASS_OF,
    GONE_CLASS,
    LEVELS,
    Flags,
    Floats,
    Integers,
    Parameters,
)
from tutormax.generation.tutors import Tutors

NOT_RATED = 0


@dataclass(frozen=True, slots=True)
class Counts(Columns):
    """What one day showed of each tutor, aligned with the tutors it was drawn for."""

    completed: Integers
    first: Integers
    first_failed: Integers
    no_shows: Integers
    no_shows_in_the_morning: Integers
    no_shows_replaced: Integers
    arranged_replacements: Integers
    tutor_reschedules: Integers
    short_notice: Integers
    student_reschedules: Integers
    logins: Integers
    messages: Integers
    availability_hours: Floats
    """Not a number without an update."""
    trainings: Integers
    bookings: Integers
    """Made today, for days that BOOKING_LEADS names."""
    students_lost: Integers


@dataclass(frozen=True, slots=True)
class Taught(Columns):
    """The completed sessions of one day, by tutor; first sessions stand before the others."""

    tutor: Integers
    """Position among the day's tutors."""
    first: Flags
    failed: Flags
    late: Flags
    engagement: Floats
    objectives: Flags
    technical: Flags
    rating: Integers
    """1 to 5, or NOT_RATED."""
    feedback_delay_days: Integers


@dataclass(frozen=True, slots=True)
class Draws:
    """A day's observables: per tutor, per completed session, and the minutes of each message answered."""

    counts: Counts
    taught: Taught
    response_minutes: Floats
    """One for each message, in the order of the tutors."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a day's draws depend on: one element for each tutor."""

    tutors: Tutors
    visible: Integers
    tenure: Integers
    baseline: Floats
    usual: Floats
    present: Flags
    """Who has counted as churned and is still gone leaves no trace at all."""
    weekday: int
    drift: bool
    parameters: Parameters
    tables: seen.Observables
    rng: np.random.Generator


def draw(tutors: Tutors, day: int, parameters: Parameters, *, drift: bool, rng: np.random.Generator) -> Draws:
    """Draw what a day shows of tutors in the states they are in."""
    weekday, tenure = seen.weekday_of(day), tutors.tenure_days(day)
    visible, baseline = CLASS_OF[tutors.state], BASELINES[tutors.baseline]
    usual = seen.usual_volume(baseline, weekday, tenure, parameters.drift_volume if drift else 1.0)
    present = tutors.open_spell | (visible != GONE_CLASS)
    tables = seen.observables(parameters)
    scene = _Scene(tutors, visible, tenure, baseline, usual, present, weekday, drift, parameters, tables, rng)

    completed = rng.poisson(usual * tables.activity[visible])
    taught = _teach(scene, completed)
    counts = Counts(
        completed=completed,
        first=np.bincount(taught.tutor[taught.first], minlength=len(tutors)),
        first_failed=np.bincount(taught.tutor[taught.failed], minlength=len(tutors)),
        availability_hours=_availability(scene),
        **_missed(scene),
        **_moved(scene),
        **_online(scene, completed),
        **_students(scene, weekly=(day + tutors.ordinal) % 7 == 0),
    )
    log_minutes = np.repeat(tables.response[visible] + tutors.response_shift, counts.messages)
    minutes = np.exp(log_minutes + seen.RESPONSE_SPREAD * rng.standard_normal(len(log_minutes)))
    return Draws(counts, taught, minutes)


def _missed(scene: _Scene) -> dict[str, Integers]:
    rate = scene.usual * scene.present * seen.WEEKDAY_NO_SHOWS[scene.weekday] * scene.tables.no_shows[scene.visible]
    missed = scene.rng.poisson(rate)
    on_monday = scene.weekday == seen.MONDAY
    morning = seen.MONDAY_NO_SHOW_IN_THE_MORNING if on_monday else seen.NO_SHOW_IN_THE_MORNING
    return {
        "no_shows": missed,
        "no_shows_in_the_morning": scene.rng.binomial(missed, morning),
        "no_shows_replaced": scene.rng.binomial(missed, seen.NO_SHOW_REPLACED),
        "arranged_replacements": scene.rng.poisson(seen.ARRANGED_REPLACEMENTS * rate),
    }


def _moved(scene: _Scene) -> dict[str, Integers]:
    tables, visible = scene.tables, scene.visible
    by_tutor = scene.rng.poisson(scene.usual * scene.present * tables.tutor_reschedules[visible])
    return {
        "tutor_reschedules": by_tutor,
        "short_notice": scene.rng.binomial(by_tutor, tables.short_notice[visible]),
        "student_reschedules": scene.rng.poisson(scene.usual * tables.student_reschedules[visible]),
    }


def _online(scene: _Scene, completed: Integers) -> dict[str, Integers]:
    tables, visible, present = scene.tables, scene.visible, scene.present
    factor = scene.tutors.login_factor * (scene.parameters.drift_login if scene.drift else 1.0)
    asked = seen.MESSAGES + seen.MESSAGES_PER_SESSION * completed
    return {
        "logins": scene.rng.poisson(present * factor * tables.logins[visible]),
        "messages": scene.rng.poisson(present * asked * tables.messages[visible]),
        "trainings": scene.rng.poisson(present * tables.trainings[visible]),
    }


def _students(scene: _Scene, *, weekly: Flags) -> dict[str, Integers]:
    tables, visible = scene.tables, scene.visible
    ahead = seen.booking_shares(scene.weekday).sum() / seen.WEEKDAY_VOLUME[scene.weekday]
    booking = scene.usual * scene.tutors.open_spell * ahead * tables.booking[visible]
    leaving = weekly * scene.present * scene.baseline / 15 * tables.students_lost[visible]
    return {"bookings": scene.rng.poisson(booking), "students_lost": scene.rng.poisson(leaving)}


def _availability(scene: _Scene) -> Floats:
    count = len(scene.baseline)
    if scene.weekday != seen.MONDAY:
        return np.full(count, np.nan)
    spread = np.exp(seen.AVAILABILITY_SPREAD * scene.parameters.noise * scene.rng.standard_normal(count))
    hours = seen.AVAILABILITY_PER_SESSION * scene.baseline * scene.tables.availability[scene.visible] * spread
    updated = scene.rng.random(count) < scene.tables.availability_updates[scene.visible]
    return np.where(updated, hours, np.nan)


def _teach(scene: _Scene, completed: Integers) -> Taught:
    tables, rng = scene.tables, scene.rng
    first_count = rng.binomial(completed, seen.first_session_share(scene.tenure))
    tutor = np.repeat(np.arange(len(completed)), completed)
    first = np.arange(len(tutor)) - np.repeat(np.cumsum(completed) - completed, completed) < first_count[tutor]
    new, skill, level = seen.is_new(scene.tenure)[tutor], scene.tutors.skill[tutor], scene.visible[tutor]

    chance = rng.random((5, len(tutor)))
    failed = first & (chance[0] < tables.first_fails[new, skill, level])
    scores = tables.engagement[level] + seen.ENGAGEMENT_SPREAD * rng.standard_normal(len(tutor))
    rated = chance[4] < np.where(first, seen.FIRST_RATED, seen.RATED)
    # Nobody teaches who is not at work: every class here is a level.
    later = _rating(tables.ratings.cumsum(axis=-1)[new, skill, np.minimum(level, LEVELS - 1)], rng)
    opening = np.where(failed, _failed_rating(len(tutor), rng), _opening_rating(skill, rng))
    return Taught(
        tutor=tutor,
        first=first,
        failed=failed,
        late=chance[1] < tables.late[level],
        engagement=np.clip(scores, 0.0, 1.0),
        objectives=chance[2] < tables.objectives[level],
        technical=chance[3] < seen.TECHNICAL_ISSUES,
        rating=np.where(rated, np.where(first, opening, later), NOT_RATED),
        feedback_delay_days=rng.choice(seen.FEEDBACK_DELAY_DAYS, len(tutor), p=seen.FEEDBACK_DELAY_SHARES),
    )


def _rating(up_to: Floats, rng: np.random.Generator) -> Integers:
    return np.asarray(1 + (rng.random((len(up_to), 1)) > up_to[:, :-1]).sum(axis=1))


def _failed_rating(count: int, rng: np.random.Generator) -> Integers:
    return np.where(rng.random(count) < seen.FAILED_RATED_TWO, 2, 1)


def _opening_rating(skill: Integers, rng: np.random.Generator) -> Integers:
    liked = 4.4 + 0.3 * seen.SKILL[skill] + 0.5 * rng.standard_normal(len(skill))
    return np.clip(np.rint(liked), 3, 5).astype(np.int64)
