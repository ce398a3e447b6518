"""The hidden process: what a tutor's commitment does from one day to the next.

A tutor is in one of 65 states: a regime and a level of engagement, at work or on leave, or silently gone. Everything
here is exact and finite, so that an oracle can compute what nobody could predict better.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Regime(IntEnum):
    """The phase a tutor is in; it drifts, so it is no trait."""

    HIGH_PERFORMER = 0
    STEADY = 1
    AT_RISK = 2
    CHURNER = 3


LEVELS = 8
LEVEL = np.arange(LEVELS) / (LEVELS - 1)
AT_WORK = len(Regime) * LEVELS
GONE = 2 * AT_WORK
STATES = GONE + 1
# Where a returning tutor begins again.
RETURNED = Regime.AT_RISK * LEVELS + 2

# What can be seen depends on the level alone, or on the absence: ten classes for 65 states.
CLASSES = LEVELS + 2
ON_LEAVE_CLASS = LEVELS
GONE_CLASS = LEVELS + 1
CLASS_OF = np.concatenate([np.arange(AT_WORK) % LEVELS, np.full(AT_WORK, ON_LEAVE_CLASS), [GONE_CLASS]])

SILENT_DAYS_TO_CHURN = 15
NEW_TUTOR_DAYS = 30

BASELINES = np.array([6.0, 9.0, 12.0, 14.0, 16.0, 19.0, 23.0, 28.0])
LOW_BASELINE = 9.0
BASELINE_SHARES = np.array([0.08, 0.13, 0.18, 0.19, 0.17, 0.13, 0.08, 0.04])
SUBJECT_SHARES = np.array([0.40, 0.35, 0.25])
SUBJECT_HAZARD = np.array([0.70, 1.00, 1.25])
SKILL_SHARES = np.array([0.25, 0.50, 0.25])

_REGIME_MOVES = np.array(
    [
        [0.9930, 0.0050, 0.0020, 0.0000],
        [0.0055, 0.9825, 0.0120, 0.0000],
        [0.0000, 0.0055, 0.9840, 0.0105],
        [0.0000, 0.0000, 0.0005, 0.9995],
    ]
)
_TARGET = np.array([0.96, 0.80, 0.47, 0.02])
_PULL = np.array([0.15, 0.12, 0.10, 0.24])
_DIFFUSION = 0.028
_ENTRY_SHARES = np.array([0.38, 0.30, 0.27, 0.05])


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a world is made with; the defaults are the calibrated marketplace."""

    tutors: int = 1500
    burn_in_days: int = 270
    churn_month: float = 0.12
    """Share of tutors expected to leave in a month: the inflow that keeps the stock steady."""
    hazard: float = 0.00004
    """Daily risk of a fully engaged tutor; with churn_month, the switch for how many leave."""
    hazard_slope: float = 8.0
    new_tutor_hazard: float = 1.5
    resignation_share: float = 0.07
    leave_begins: float = 1 / 160
    leave_ends: float = 1 / 6
    return_rate: float = 0.012
    resume_rate: float = 0.001
    """Daily rate at which somebody gone comes back after having counted as churned."""
    late_resignation: float = 0.005
    forgotten_after_days: int = 180
    shock: float = 0.60
    """How likely a day with a failed first session costs three levels."""
    noise: float = 1.0
    """Above 1, what can be seen says less about the level."""
    interactions: bool = False
    """A failed first session then hurts only below 60 days, and low volume is harmless where the baseline is low."""
    drift_day: int | None = None
    """Days after the world's first day from which the three drifts hold."""
    drift_login: float = 1.0
    drift_hazard: float = 1.0
    drift_volume: float = 1.0
    outage_day: int | None = None
    """Days after the world's first day on which nothing arrives for outage_hours, and then all at once."""
    outage_hours: float = 12.0


@dataclass(frozen=True, slots=True)
class Transition:
    """One day's moves: from state (row) to state, and the chance to resign instead."""

    moves: Floats
    resigns: Floats
    cumulative: Floats
    """Running sums over the outcomes of each state; the last one is resignation."""


def level_moves(regime: Regime) -> Floats:
    """Return how the level of engagement moves in a day (level by level) while a tutor is in one regime."""
    drift = _PULL[regime] * (_TARGET[regime] - LEVEL)
    up = np.clip(drift + _DIFFUSION, 0.004, 0.45)
    down = np.clip(_DIFFUSION - drift, 0.004, 0.45)
    up[-1] = down[0] = 0.0
    return np.diag(1 - up - down) + np.diag(up[:-1], 1) + np.diag(down[1:], -1)


def exit_hazard(
    parameters: Parameters, subject: int, *, new: bool, low_baseline: bool = False, drift: float = 1.0
) -> Floats:
    """Return the daily chance to leave at each level; with interactions it is the same at all where little is usual."""
    rate = parameters.hazard * np.exp(parameters.hazard_slope * (1 - LEVEL))
    if parameters.interactions and low_baseline:
        rate = np.full(LEVELS, parameters.churn_month / 30)
    rate = rate * SUBJECT_HAZARD[subject] * drift
    return np.asarray(np.minimum(0.5, rate * (parameters.new_tutor_hazard if new else 1.0)))


@lru_cache(maxsize=64)
def transition(
    parameters: Parameters, subject: int, *, new: bool, low_baseline: bool = False, drift: float = 1.0
) -> Transition:
    """Return one day's moves of a tutor of a subject group, new or not, with the hazard multiplied by a drift."""
    moves, resigns = np.zeros((STATES, STATES)), np.zeros(STATES)
    exits = np.tile(exit_hazard(parameters, subject, new=new, low_baseline=low_baseline, drift=drift), len(Regime))
    working = np.arange(AT_WORK)
    leaving = working + AT_WORK

    resigns[working] = parameters.resignation_share * exits
    moves[working, GONE] = (1 - parameters.resignation_share) * exits
    moves[working, leaving] = (1 - exits) * parameters.leave_begins
    stays = (1 - exits) * (1 - parameters.leave_begins)
    moves[:AT_WORK, :AT_WORK] = stays[:, None] * _working_moves()

    moves[leaving, GONE] = 0.5 * exits
    moves[leaving, working] = (1 - 0.5 * exits) * parameters.leave_ends
    moves[leaving, leaving] = (1 - 0.5 * exits) * (1 - parameters.leave_ends)

    resigns[GONE] = parameters.late_resignation
    moves[GONE, RETURNED] = parameters.return_rate
    moves[GONE, GONE] = 1 - parameters.return_rate - parameters.late_resignation
    return Transition(moves, resigns, np.cumsum(np.column_stack([moves, resigns]), axis=1))


def _working_moves() -> Floats:
    """Return moves between states at work: the level moves by the new regime's rule, from the level that there was."""
    blocks = [[_REGIME_MOVES[old, new] * level_moves(new) for new in Regime] for old in Regime]
    return np.block(blocks)


def entry_shares() -> Floats:
    """Return the chance of each state for a tutor who joins."""
    shares = np.zeros(STATES)
    for regime in Regime:
        level = min(LEVELS - 1, round((_TARGET[regime] * 0.5 + 0.45) * (LEVELS - 1)))
        shares[regime * LEVELS + level] = _ENTRY_SHARES[regime]
    return shares


def shocked(states: Integers) -> Integers:
    """Return the states three levels lower, or as low as levels go; who is absent stays as they are."""
    lower = (states // LEVELS) * LEVELS + np.maximum(0, states % LEVELS - 3)
    return np.where(states < AT_WORK, lower, states)
