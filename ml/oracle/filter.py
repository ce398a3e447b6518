"""What can be known of every tutor's hidden state from all that was ever seen of them: the forward filter.

It knows the parameters, the tutors' traits and personal factors, and what students will say of a session: a little
more than any model can. It sees a day only when that is over. So it is held against models as of midnight, when both
know the same days.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.oracle.likelihood import log_likelihood
from tutormax.generation import observables as seen
from tutormax.generation import world as worlds
from tutormax.generation.marketplace import REHEARSAL_DAYS
from tutormax.generation.process import (
    CLASS_OF,
    GONE,
    RETURNED,
    STATES,
    Floats,
    Parameters,
    entry_shares,
    shocked,
    transition,
)
from tutormax.generation.tutors import Tutors
from tutormax.generation.world import Day, World

_SHOCKED = np.eye(STATES)[shocked(np.arange(STATES))]


@dataclass(frozen=True, slots=True)
class Evening:
    """What is known of tutors when a day is over."""

    day: int
    tutors: Tutors
    """As they truly are."""
    beliefs: Floats
    """The chance of each state (columns), by all that was seen until now."""


def evenings(parameters: Parameters, seed: int, first_day: int) -> Iterator[Evening]:
    """Live a marketplace's world again, from its burn-in on, and yield what the filter makes of each day."""
    current = worlds.begin(parameters, seed, first_day)
    beliefs = np.tile(entry_shares(), (len(current.tutors), 1))
    while True:
        if current.day == first_day - REHEARSAL_DAYS:
            current, beliefs = _without_the_churned(current, beliefs)
        day = worlds.live(current)
        beliefs = believed(current, day, beliefs)
        current = day.world
        yield Evening(day.day, current.tutors, beliefs)


def believed(morning: World, day: Day, beliefs: Floats) -> Floats:
    """Return the beliefs on the evening of a day about the tutors of the next morning."""
    joined = np.tile(entry_shares(), (len(day.joining), 1))
    tutors = Tutors.concatenated([morning.tutors, day.joining])
    drift = seen.drifting(morning.parameters, day.day - morning.first_day)
    expected = _moved(tutors, np.concatenate([beliefs, joined]), day.day, morning.parameters, drift=drift)
    there = np.isin(tutors.ordinal, day.tutors.ordinal)

    likelihood = log_likelihood(day.tutors, day.day, day.draws, morning.parameters, drift=drift)
    # Compared with the likeliest of the states that are possible at all.
    weighed = np.log(np.maximum(expected[there], 1e-300)) + likelihood[:, CLASS_OF]
    found = np.exp(weighed - weighed.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    shaken = _shaken(day, found, morning.parameters)
    return shaken[np.isin(day.tutors.ordinal, day.world.tutors.ordinal)]


def _moved(tutors: Tutors, beliefs: Floats, day: int, parameters: Parameters, *, drift: bool) -> Floats:
    hazard = parameters.drift_hazard if drift else 1.0
    new, low = seen.is_new(tutors.tenure_days(day)), seen.is_low(tutors.baseline)
    kinds, kind = np.unique(np.column_stack([tutors.subject, new, low, tutors.open_spell]), axis=0, return_inverse=True)
    expected = np.empty_like(beliefs)
    for at, (subject, is_new, is_low, open_spell) in enumerate(kinds.tolist()):
        moves = transition(parameters, subject, new=bool(is_new), low_baseline=bool(is_low), drift=hazard).moves
        which = kind == at
        expected[which] = beliefs[which] @ (moves if open_spell else _rarely_returning(moves, parameters))
    return expected


def _rarely_returning(moves: Floats, parameters: Parameters) -> Floats:
    """Return the moves of who has counted as churned: most of those who would come back are kept away."""
    changed = moves.copy()
    kept_away = moves[GONE, RETURNED] - min(parameters.resume_rate, parameters.return_rate)
    changed[GONE, RETURNED] -= kept_away
    changed[GONE, GONE] += kept_away
    return changed


def _shaken(day: Day, beliefs: Floats, parameters: Parameters) -> Floats:
    """Return beliefs after failed first sessions, each of which may have cost levels."""
    may_hurt = (day.draws.counts.first_failed > 0) & seen.shock_applies(parameters, day.tutors.tenure_days(day.day))
    shock = np.where(may_hurt, parameters.shock, 0.0)[:, None]
    return np.asarray((1 - shock) * beliefs + shock * (beliefs @ _SHOCKED))


def _without_the_churned(current: World, beliefs: Floats) -> tuple[World, Floats]:
    # As a marketplace is opened: without those who left during the burn-in.
    staying = current.tutors.open_spell
    return replace(current, tutors=current.tutors.take(staying)), beliefs[staying]
