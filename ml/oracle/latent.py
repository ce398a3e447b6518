"""How likely it is that a tutor leaves, given what the tutor's hidden state is or may be: exact, nothing is drawn.

A churn is what the labels call one: a resignation, or 336 hours since the last completed session ended. The hours of a
day are not part of the process; of the sessions on the fourteenth day only those count as in time that end before the
hour at which the last one ended. How many do follows from how many sessions a day holds.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml.projection import HORIZONS, Probabilities
from tutormax.errors import PermanentError
from tutormax.generation import observables as seen
from tutormax.generation.process import (
    BASELINES,
    CLASS_OF,
    STATES,
    Floats,
    Parameters,
    shocked,
    transition,
)
from tutormax.generation.tutors import Tutors

SILENT_DAYS = 14
ROWS_AT_ONCE = 500

# By row and silent days and state: how likely a tutor is there and has not left.
Mass = NDArray[np.float32]

_SHOCKED = np.eye(STATES, dtype=np.float32)[shocked(np.arange(STATES))]


class DriftingWorldError(PermanentError):
    """The oracle was asked about a world whose laws change on a day."""


def churn_probabilities(
    parameters: Parameters, tutors: Tutors, beliefs: Floats, day: int, horizons: Sequence[int] = HORIZONS
) -> Probabilities:
    """Return for each tutor and horizon the chance to leave within as many days, the first of which begins now.

    The tutors are as they were the evening before, within a spell, and their silent days are believed; their states
    are not: `beliefs` has the chance of each state (columns).
    """
    if parameters.drift_day is not None:
        raise DriftingWorldError(f"the world drifts from day {parameters.drift_day} on; only steady ones are foreseen")
    found = np.zeros((len(tutors), len(horizons)))
    # Tutors who move by the same law stand together, on every day to come: the new of a subject, then the others.
    order = np.lexsort((-tutors.joined_day, seen.is_low(tutors.baseline), tutors.subject))
    for at in range(0, len(tutors), ROWS_AT_ONCE):
        rows = order[at : at + ROWS_AT_ONCE]
        found[rows] = _foreseen(parameters, tutors.take(rows), beliefs[rows], day, horizons)
    return found


def known(tutors: Tutors) -> Floats:
    """Return the beliefs of somebody who sees the states themselves."""
    return np.asarray(np.eye(STATES)[tutors.state])


def _foreseen(
    parameters: Parameters, tutors: Tutors, beliefs: Floats, day: int, horizons: Sequence[int]
) -> Probabilities:
    mass: Mass = np.zeros((len(tutors), SILENT_DAYS, STATES), np.float32)
    silent = np.minimum(tutors.silent_days, SILENT_DAYS - 1)
    mass[np.arange(len(tutors)), silent] = beliefs
    left, columns = np.zeros(len(tutors)), []
    for ahead in range(1, max(horizons) + 1):
        mass, leaving = _lived(mass, tutors, day + ahead - 1, parameters)
        left += leaving
        if ahead in horizons:
            columns.append(left.copy())
    return np.clip(np.column_stack(columns), 0.0, 1.0)


def _lived(mass: Mass, tutors: Tutors, day: int, parameters: Parameters) -> tuple[Mass, Floats]:
    """Return who is where after a day, and how much of each tutor left on it."""
    moved, resigned = _moved(mass, tutors, day, parameters)
    sessions, failures = _teaching(tutors, day, parameters)
    idle = np.exp(-sessions)
    late = np.exp(-sessions * _in_time(tutors)[:, None])
    overdue = moved[:, -1] * late

    taught = moved[:, :-1].sum(axis=1) * (1 - idle) + moved[:, -1] * (1 - late)
    failed = np.divide(1 - np.exp(-failures), 1 - idle, out=np.zeros_like(idle), where=idle < 1)
    hurts = seen.shock_applies(parameters, tutors.tenure_days(day))[:, None]
    hurt = taught * np.where(hurts, np.float32(parameters.shock) * failed, np.float32(0))

    evening = np.empty_like(mass)
    evening[:, 0] = taught - hurt + hurt @ _SHOCKED
    evening[:, 1:] = moved[:, :-1] * idle[:, None]
    return evening, np.asarray(resigned + overdue.sum(axis=1), np.float64)


def _moved(mass: Mass, tutors: Tutors, day: int, parameters: Parameters) -> tuple[Mass, Mass]:
    new, low = seen.is_new(tutors.tenure_days(day)), seen.is_low(tutors.baseline)
    kind = (tutors.subject * 2 + low) * 2 + new
    moved, resigned = np.empty_like(mass), np.empty(len(mass), np.float32)
    edges = np.flatnonzero(np.diff(kind, prepend=-1, append=-1))
    for begin, end in pairwise(edges.tolist()):
        of_first = {"new": bool(new[begin]), "low_baseline": bool(low[begin])}
        table = transition(parameters, int(tutors.subject[begin]), **of_first)
        # One product of matrices instead of one for each tutor.
        flat = mass[begin:end].reshape(-1, STATES)
        np.matmul(flat, table.moves.astype(np.float32), out=moved[begin:end].reshape(-1, STATES))
        resigned[begin:end] = mass[begin:end].sum(axis=1) @ table.resigns.astype(np.float32)
    return moved, resigned


def _teaching(tutors: Tutors, day: int, parameters: Parameters) -> tuple[Mass, Mass]:
    """Return the sessions and the failed first sessions that each state leads one to expect of each tutor."""
    tables, tenure = seen.observables(parameters), tutors.tenure_days(day)
    usual = seen.usual_volume(BASELINES[tutors.baseline], seen.weekday_of(day), tenure)
    sessions = usual[:, None] * tables.activity
    fails = seen.first_session_share(tenure)[:, None] * tables.first_fails[seen.is_new(tenure), tutors.skill]
    return sessions.astype(np.float32)[:, CLASS_OF], (sessions * fails).astype(np.float32)[:, CLASS_OF]


def _in_time(tutors: Tutors) -> Mass:
    """Return the share of a day's hours that lie before the last session's end: n / (n + 1) of n sessions, on average.

    That day held a Poisson number of sessions, but at least one.
    """
    usual = BASELINES[tutors.baseline] / 7
    some = 1 - np.exp(-usual)
    share = 1 - (some / usual - (1 - some)) / some
    return np.asarray(share, np.float32)
