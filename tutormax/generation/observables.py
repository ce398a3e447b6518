"""What can be seen of a tutor, given the level: rates and distributions, shared by the simulator and any oracle.

A table has one entry for each of the ten classes of process.CLASS_OF: the eight levels at work, on leave, gone.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tutormax.generation.process import (
    BASELINES,
    CLASSES,
    GONE_CLASS,
    LEVEL,
    LEVELS,
    LOW_BASELINE,
    NEW_TUTOR_DAYS,
    ON_LEAVE_CLASS,
    Flags,
    Floats,
    Integers,
    Parameters,
)

# Monday first.
WEEKDAY_VOLUME = np.array([1.12, 1.15, 1.15, 1.12, 0.92, 0.80, 0.74])
WEEKDAY_VOLUME /= WEEKDAY_VOLUME.mean()
WEEKDAY_NO_SHOWS = np.array([1.9, 0.85, 0.85, 0.85, 0.85, 0.85, 0.85])
MONDAY, SATURDAY = 0, 5

BOOKED_AHEAD = 0.55
"""Share of a usual week that is booked a week or more ahead."""
BOOKING_LEADS = np.array([7, 8, 9, 10])
BOOKING_LEAD_SHARES = np.array([0.70, 0.10, 0.10, 0.10])

STUDENT_RESCHEDULES = 0.00142
LOGINS = 1.5
MESSAGES, MESSAGES_PER_SESSION = 0.25, 0.25
RESPONSE_LOG_MINUTES, RESPONSE_SPREAD = 3.2, 0.9
ENGAGEMENT_SPREAD = 0.18
TECHNICAL_ISSUES = 0.05
RATED, FIRST_RATED = 0.65, 0.70
FAILED_RATED_TWO = 0.75
"""Of failed first sessions that are rated; the others get a 1."""
AVAILABILITY_UPDATED, AVAILABILITY_PER_SESSION, AVAILABILITY_SPREAD = 0.75, 1.6, 0.28
NO_SHOW_REPLACED = 0.5
# Of all replacements 16 % follow a no-show; the others were arranged in time.
ARRANGED_REPLACEMENTS = 0.5 * 0.84 / 0.16
NO_SHOW_IN_THE_MORNING, MONDAY_NO_SHOW_IN_THE_MORNING = 0.30, 0.60
FEEDBACK_DELAY_DAYS = np.array([0, 1, 2, 4, 7, 14])
FEEDBACK_DELAY_SHARES = np.array([0.55, 0.25, 0.10, 0.05, 0.03, 0.02])

_RATING_CUTS = np.array([-2.8, -1.9, -0.8, 0.9])
SKILL = np.array([-1.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True)
class Observables:
    """The tables of one world; each is indexed by class in its last axis unless it says otherwise."""

    activity: Floats
    """Volume as a multiple of the usual."""
    booking: Floats
    tutor_reschedules: Floats
    student_reschedules: Floats
    short_notice: Floats
    no_shows: Floats
    late: Floats
    first_fails: Floats
    """Axes: whether the tutor is new, skill, class."""
    engagement: Floats
    objectives: Floats
    logins: Floats
    messages: Floats
    response: Floats
    """Added to the log of the minutes that an answer takes."""
    availability: Floats
    availability_updates: Floats
    trainings: Floats
    students_lost: Floats
    ratings: Floats
    """Probabilities of 1 to 5; axes: whether the tutor is new, skill, class, rating."""


@lru_cache(maxsize=16)
def observables(parameters: Parameters) -> Observables:
    """Return the tables of a world."""
    level = _by_class(LEVEL, leave=0.0, gone=0.0)
    below = 1 - level
    volume = 0.42 + 0.97 * LEVEL
    noise = parameters.noise
    return Observables(
        activity=_by_class(volume),
        booking=BOOKED_AHEAD * _by_class(volume, leave=0.30, gone=0.22),
        tutor_reschedules=_by_class(0.035 + 0.20 * (1 - LEVEL) ** 1.5 / noise, leave=0.01, gone=0.01),
        student_reschedules=_by_class(np.full(LEVELS, STUDENT_RESCHEDULES)),
        short_notice=_by_class(0.25 + 0.35 * (1 - LEVEL), leave=0.5, gone=0.5),
        no_shows=_by_class(0.006 + 0.06 * (1 - LEVEL) ** 2, leave=0.008, gone=0.008),
        late=0.05 + 0.15 * below,
        first_fails=_first_fails(below),
        engagement=0.62 + 0.22 / noise * level,
        objectives=0.72 + 0.18 * level,
        logins=LOGINS * _by_class(0.25 + 0.75 * LEVEL, leave=0.35, gone=0.25),
        messages=_by_class(np.ones(LEVELS), leave=1.0, gone=0.3),
        response=RESPONSE_LOG_MINUTES + _by_class((1 - LEVEL) / noise, leave=0.8, gone=1.5),
        availability=_by_class(0.35 + 0.65 * LEVEL),
        availability_updates=_by_class(np.full(LEVELS, AVAILABILITY_UPDATED)),
        trainings=0.03 * _by_class(0.3 + 0.7 * LEVEL, leave=0.05, gone=0.05),
        students_lost=_by_class(0.30 + 0.75 * (1 - LEVEL), leave=0.5, gone=0.5),
        ratings=_ratings(below, noise),
    )


def weekday_of(day: int) -> int:
    """Return the weekday of a day counted from 1 January 1970, which was a Thursday; Monday is 0."""
    return (day + 3) % 7


def usual_volume(baseline: Floats, weekday: int, tenure_days: Integers, volume: float = 1.0) -> Floats:
    """Return the sessions expected on a day of a tutor whose activity is 1: the baseline, ramped up by tenure."""
    ramp = np.minimum(1.0, 0.35 + 0.65 * tenure_days / 21)
    return np.asarray(baseline / 7 * WEEKDAY_VOLUME[weekday] * ramp * volume)


def booking_shares(weekday: int) -> Floats:
    """Return how a day's advance bookings fall on the days that BOOKING_LEADS names, in units of a mean weekday."""
    return np.asarray(WEEKDAY_VOLUME[(weekday + BOOKING_LEADS) % 7] * BOOKING_LEAD_SHARES)


def first_session_share(tenure_days: Integers) -> Floats:
    """Return the chance that a session is the first with its student: it falls during the first 30 days."""
    return np.asarray(0.030 + 0.22 * np.exp(-np.minimum(tenure_days, NEW_TUTOR_DAYS) / 18))


def is_new(tenure_days: Integers) -> Integers:
    """Return 1 for tutors in their first 30 days, else 0: an index into the tables."""
    return (tenure_days < NEW_TUTOR_DAYS).astype(np.int64)


def is_low(baseline: Integers) -> Integers:
    """Return 1 for tutors whose baseline, an index into BASELINES, is low, else 0."""
    return (BASELINES[baseline] <= LOW_BASELINE).astype(np.int64)


def shock_applies(parameters: Parameters, tenure_days: Integers) -> Flags:
    """Tell where a failed first session may cost levels."""
    return np.asarray((tenure_days < 2 * NEW_TUTOR_DAYS) | (not parameters.interactions))


def drifting(parameters: Parameters, days_since_first: int) -> bool:
    """Tell whether the drifts hold on a day."""
    return parameters.drift_day is not None and days_since_first >= parameters.drift_day


def _by_class(at_work: Floats, *, leave: float = 0.0, gone: float = 0.0) -> Floats:
    table = np.empty(CLASSES)
    table[:LEVELS], table[ON_LEAVE_CLASS], table[GONE_CLASS] = at_work, leave, gone
    return table


def _first_fails(below: Floats) -> Floats:
    new = np.array([0.0, 0.022])[:, None, None]
    return np.asarray(np.clip(0.011 + new + 0.055 * below - 0.006 * SKILL[:, None], 0.003, 0.6))


def _ratings(below: Floats, noise: float) -> Floats:
    new = np.array([0.0, 0.5])[:, None, None]
    liked = 2.2 - new + 0.6 * SKILL[:, None] - 2.0 / noise * below
    up_to = 1 / (1 + np.exp(liked[..., None] - _RATING_CUTS))
    edges = np.concatenate([np.zeros((*liked.shape, 1)), up_to, np.ones((*liked.shape, 1))], axis=-1)
    return np.diff(edges, axis=-1)
