"""How likely one day's draws are in each class of states: everything that a day shows of a tutor, at its true law."""

import math
from collections.abc import Callable

import numpy as np

from tutormax.generation import observables as seen
from tutormax.generation.draws import NOT_RATED, Counts, Draws, Taught
from tutormax.generation.observables import Observables
from tutormax.generation.process import (
    BASELINES,
    CLASSES,
    GONE_CLASS,
    LEVELS,
    Flags,
    Floats,
    Integers,
    Parameters,
)
from tutormax.generation.tutors import Tutors

CountOf = Callable[[Flags], Integers]
"""Counts for each tutor those sessions that a flag marks."""

# Instead of the logarithm of nothing: beyond any doubt, and still a number.
_IMPOSSIBLE = 1e-300


def log_likelihood(tutors: Tutors, day: int, shown: Draws, parameters: Parameters, *, drift: bool) -> Floats:
    """Return for each tutor and class of states the log-likelihood of a day's draws, up to a constant of the tutor.

    The tutors are those for whom the day was drawn. Feedback counts on the day of its session, before it is given.
    """
    tables = seen.observables(parameters)
    return np.asarray(
        _of_counts(tutors, day, shown.counts, parameters, drift=drift)
        + _of_sessions(tutors, day, shown.taught, tables)
        + _of_responses(tutors, shown, tables)
        + _of_availability(tutors, day, shown.counts, tables, parameters.noise)
    )


def _of_counts(tutors: Tutors, day: int, counts: Counts, parameters: Parameters, *, drift: bool) -> Floats:
    tables = seen.observables(parameters)
    volume = parameters.drift_volume if drift else 1.0
    login_factor = tutors.login_factor * (parameters.drift_login if drift else 1.0)
    weekday, tenure, baseline = seen.weekday_of(day), tutors.tenure_days(day), BASELINES[tutors.baseline]
    usual = seen.usual_volume(baseline, weekday, tenure, volume)[:, None]
    # Who has counted as churned and is still gone leaves no trace; nobody books with who has counted as churned.
    present = np.where(np.arange(CLASSES) == GONE_CLASS, tutors.open_spell[:, None], 1.0)
    missed = usual * present * seen.WEEKDAY_NO_SHOWS[weekday] * tables.no_shows
    asked = (seen.MESSAGES + seen.MESSAGES_PER_SESSION * counts.completed)[:, None]
    ahead = seen.booking_shares(weekday).sum() / seen.WEEKDAY_VOLUME[weekday]
    weekly = ((day + tutors.ordinal) % 7 == 0)[:, None]
    rates = {
        "completed": usual * tables.activity,
        "no_shows": missed,
        "arranged_replacements": seen.ARRANGED_REPLACEMENTS * missed,
        "tutor_reschedules": usual * present * tables.tutor_reschedules,
        "student_reschedules": usual * tables.student_reschedules,
        "logins": present * login_factor[:, None] * tables.logins,
        "messages": present * asked * tables.messages,
        "trainings": present * tables.trainings,
        "bookings": usual * tutors.open_spell[:, None] * ahead * tables.booking,
        "students_lost": weekly * present * baseline[:, None] / 15 * tables.students_lost,
    }
    of_rates = sum(_poisson(getattr(counts, name), rate) for name, rate in rates.items())
    return np.asarray(of_rates + _share(counts.short_notice, counts.tutor_reschedules, tables.short_notice))


def _of_sessions(tutors: Tutors, day: int, taught: Taught, tables: Observables) -> Floats:
    def count(which: Flags) -> Integers:
        return np.bincount(taught.tutor[which], minlength=len(tutors))

    every = count(np.ones(len(taught), np.bool_))
    new = seen.is_new(tutors.tenure_days(day))
    first_fails = tables.first_fails[new, tutors.skill]
    return np.asarray(
        _share(count(taught.late), every, tables.late)
        + _share(count(taught.objectives), every, tables.objectives)
        + _share(count(taught.failed), count(taught.first), first_fails)
        + _of_engagement(len(tutors), taught, tables)
        + _of_ratings(count, taught, tables.ratings[new, tutors.skill])
    )


def _of_engagement(tutors: int, taught: Taught, tables: Observables) -> Floats:
    """Weigh scores by a normal distribution whose tails are found at 0 and 1."""
    mean, spread = tables.engagement, seen.ENGAGEMENT_SPREAD
    lowest, highest = taught.engagement <= 0, taught.engagement >= 1
    within = ~lowest & ~highest
    count = np.bincount(taught.tutor[within], minlength=tutors)[:, None]
    total = np.bincount(taught.tutor[within], taught.engagement[within], minlength=tutors)[:, None]
    tails = np.zeros((tutors, CLASSES))
    for which, distance in ((lowest, mean / spread), (highest, (1 - mean) / spread)):
        beyond = np.array([0.5 * math.erfc(each / math.sqrt(2)) for each in distance])
        tails += np.bincount(taught.tutor[which], minlength=tutors)[:, None] * np.log(beyond)
    return np.asarray(tails + (mean * total - count * mean**2 / 2) / spread**2)


def _of_ratings(count: CountOf, taught: Taught, ratings: Floats) -> Floats:
    """Of later sessions; what is said of a first one follows from whether it failed, and from the tutor's skill."""
    later = ~taught.first & (taught.rating != NOT_RATED)
    given = np.stack([count(later & (taught.rating == rating)) for rating in range(1, 6)], axis=1)
    found = np.zeros((len(given), CLASSES))
    found[:, :LEVELS] = np.einsum("nr,nlr->nl", given, np.log(ratings[:, :LEVELS]))
    return found


def _of_responses(tutors: Tutors, shown: Draws, tables: Observables) -> Floats:
    place = np.repeat(np.arange(len(tutors)), shown.counts.messages)
    expected = tables.response + tutors.response_shift[:, None]
    total = np.bincount(place, np.log(shown.response_minutes), minlength=len(tutors))[:, None]
    count = shown.counts.messages[:, None]
    return np.asarray((expected * total - count * expected**2 / 2) / seen.RESPONSE_SPREAD**2)


def _of_availability(tutors: Tutors, day: int, counts: Counts, tables: Observables, noise: float) -> Floats:
    if seen.weekday_of(day) != seen.MONDAY:
        return np.zeros((len(tutors), CLASSES))
    hours = counts.availability_hours[:, None]
    updated = ~np.isnan(hours)
    usual = seen.AVAILABILITY_PER_SESSION * BASELINES[tutors.baseline][:, None] * tables.availability
    distance = np.log(np.where(updated, hours, 1.0)) - np.log(np.maximum(usual, _IMPOSSIBLE))
    of_hours = -((distance / (seen.AVAILABILITY_SPREAD * noise)) ** 2) / 2
    does = np.log(np.maximum(tables.availability_updates, _IMPOSSIBLE))
    return np.where(updated, does + of_hours, np.log1p(-tables.availability_updates))


def _poisson(count: Integers, rate: Floats) -> Floats:
    return np.asarray(count[:, None] * np.log(np.maximum(rate, _IMPOSSIBLE)) - rate)


def _share(count: Integers, among: Integers, share: Floats) -> Floats:
    return np.asarray(count[:, None] * np.log(share) + (among - count)[:, None] * np.log1p(-share))
