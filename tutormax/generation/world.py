"""A world of tutors, one day at a time: who joins, how everybody moves, what shows, who is gone.

A day is a function of the seed and of the world in the morning, so days can be lived again and give the same.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from itertools import product

import numpy as np

from tutormax.generation import draws, observables
from tutormax.generation.draws import Draws
from tutormax.generation.process import (
    GONE,
    SILENT_DAYS_TO_CHURN,
    STATES,
    SUBJECT_SHARES,
    Floats,
    Integers,
    Parameters,
    shocked,
    transition,
)
from tutormax.generation.tutors import Tutors, entering

MEAN_DAYS_ALREADY_THERE = 220
# Of a search among the outcomes of a state: half as many as there may be.
_FIRST_STEP = 64


class Stream(IntEnum):
    """Independent random numbers of one day, so that rows can be left out without changing the process."""

    BEGINNING = 0
    PROCESS = 1
    ROWS = 2


@dataclass(frozen=True, slots=True)
class World:
    """A marketplace in the morning of a day."""

    parameters: Parameters
    seed: int
    first_day: int
    """The day of the first rows; days are counted from 1 January 1970, UTC."""
    day: int
    tutors: Tutors
    next_ordinal: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a world: the tutors in the states that it showed, what it showed, and how it ended."""

    day: int
    tutors: Tutors
    """Those who were there all day; silent_days as in the morning."""
    joining: Tutors
    """Who joined this morning, though they may have resigned at once."""
    resigned: Tutors
    draws: Draws
    evening: Tutors
    """The same tutors after what the day did to them; those with SILENT_DAYS_TO_CHURN silent days have churned."""
    world: World
    """The next morning; leaves out who has been silent for so long that the world forgets them."""


def generator(seed: int, day: int, stream: Stream) -> np.random.Generator:
    """Return the random numbers of one day and purpose."""
    return np.random.default_rng((seed, day, stream))


def begin(parameters: Parameters, seed: int, first_day: int) -> World:
    """Return a marketplace on the morning of its burn-in."""
    day = first_day - parameters.burn_in_days
    rng = generator(seed, day, Stream.BEGINNING)
    tutors = entering(parameters.tutors, day, 0, rng)
    already_there = rng.geometric(1 / MEAN_DAYS_ALREADY_THERE, len(tutors))
    tutors = tutors.with_(joined_day=day - already_there)
    return World(parameters, seed, first_day, day, tutors, len(tutors))


def warmed_up(parameters: Parameters, seed: int, first_day: int, *, until: int) -> World:
    """Return the marketplace on the morning of a day near the end of its burn-in, without those who left during it."""
    world = begin(parameters, seed, first_day)
    while world.day < until:
        world = live(world).world
    return replace(world, tutors=world.tutors.take(world.tutors.open_spell))


def live(world: World) -> Day:
    """Live one day."""
    parameters, day = world.parameters, world.day
    rng = generator(world.seed, day, Stream.PROCESS)
    drift = observables.drifting(parameters, day - world.first_day)

    joining = entering(_inflow(world, rng), day, world.next_ordinal, rng)
    tutors = Tutors.concatenated([world.tutors, joining])
    moved = _moved(tutors, day, parameters, parameters.drift_hazard if drift else 1.0, rng)
    stays = moved < STATES
    there = tutors.with_(state=moved).take(stays)
    shown = draws.draw(there, day, parameters, drift=drift, rng=rng)
    evening = _evening(there, day, parameters, shown, rng)
    remembered = evening.silent_days < SILENT_DAYS_TO_CHURN + parameters.forgotten_after_days
    tomorrow = replace(
        world, day=day + 1, tutors=evening.take(remembered), next_ordinal=world.next_ordinal + len(joining)
    )
    return Day(day, there, joining, tutors.take(~stays), shown, evening, tomorrow)


def _inflow(world: World, rng: np.random.Generator) -> int:
    stock = world.parameters.tutors
    missing = max(0, stock - int(world.tutors.open_spell.sum()))
    return int(rng.poisson(missing * 0.25 + world.parameters.churn_month / 30 * stock * 0.75))


def _moved(tutors: Tutors, day: int, parameters: Parameters, drift: float, rng: np.random.Generator) -> Integers:
    """Tonight's state of each tutor; STATES stands for resignation."""
    chance, resumes = rng.random((2, len(tutors)))
    is_new, is_low = observables.is_new(tutors.tenure_days(day)), observables.is_low(tutors.baseline)
    group = (tutors.subject * 2 + is_new) * 2 + is_low
    moved = _outcome(_outcomes(parameters, drift), group * STATES + tutors.state, chance)
    # The longer somebody is gone the less likely a return: most who come back do before they count as churned.
    back = (tutors.state == GONE) & (moved < GONE) & ~tutors.open_spell
    kept_away = back & (resumes > parameters.resume_rate / parameters.return_rate)
    return np.where(kept_away, GONE, np.minimum(moved, STATES))


@lru_cache(maxsize=8)
def _outcomes(parameters: Parameters, drift: float) -> Floats:
    """Return the running sums over the outcomes of each state (row) of each group, as wide as the search needs them."""
    groups = product(range(len(SUBJECT_SHARES)), (False, True), (False, True))
    moves = [transition(parameters, subject, new=new, low_baseline=low, drift=drift) for subject, new, low in groups]
    sums = np.concatenate([each.cumulative for each in moves])
    return np.pad(sums, ((0, 0), (0, 2 * _FIRST_STEP - 1 - sums.shape[1])), constant_values=np.inf)


def _outcome(sums: Floats, row: Integers, chance: Floats) -> Integers:
    """Return how many sums of a row are below a chance, bisecting all rows at once."""
    outcome, step = np.zeros(len(row), np.int64), _FIRST_STEP
    while step:
        outcome = np.where(sums[row, outcome + step - 1] < chance, outcome + step, outcome)
        step //= 2
    return outcome


def _evening(there: Tutors, day: int, parameters: Parameters, shown: Draws, rng: np.random.Generator) -> Tutors:
    hurts = (shown.counts.first_failed > 0) & observables.shock_applies(parameters, there.tenure_days(day))
    hit = hurts & (rng.random(len(there)) < parameters.shock)
    return there.with_(
        state=np.where(hit, shocked(there.state), there.state),
        silent_days=np.where(shown.counts.completed > 0, 0, there.silent_days + 1),
    )
