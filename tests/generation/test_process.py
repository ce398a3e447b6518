"""The hidden process is a proper one, and its switches do what they say."""

import numpy as np
import pytest

from tutormax.generation.process import (
    AT_WORK,
    GONE,
    LEVEL,
    LEVELS,
    RETURNED,
    STATES,
    Parameters,
    Regime,
    entry_shares,
    exit_hazard,
    level_moves,
    shocked,
    transition,
)


@pytest.mark.parametrize("subject", [0, 1, 2])
@pytest.mark.parametrize("new", [True, False])
def test_something_happens_to_everybody_every_day(subject: int, new: bool) -> None:
    day = transition(Parameters(), subject, new=new)

    assert (day.moves >= 0).all()
    assert day.moves.sum(axis=1) + day.resigns == pytest.approx(np.ones(STATES))
    assert day.cumulative[:, -1] == pytest.approx(np.ones(STATES))


def test_a_tutor_with_nothing_left_leaves_within_weeks_and_an_engaged_one_hardly_ever() -> None:
    chance = exit_hazard(Parameters(), 1, new=False)

    assert chance[0] == pytest.approx(0.00004 * np.exp(8))
    assert 1 - (1 - chance[-1]) ** 30 < 0.002
    assert (np.diff(chance) < 0).all()


def test_new_tutors_and_a_drift_raise_the_hazard() -> None:
    usual = exit_hazard(Parameters(), 0, new=False)

    assert exit_hazard(Parameters(), 0, new=True) == pytest.approx(1.5 * usual)
    assert exit_hazard(Parameters(), 0, new=False, drift=1.8) == pytest.approx(1.8 * usual)


def test_with_interactions_who_always_taught_little_leaves_as_often_engaged_or_not() -> None:
    together = Parameters(interactions=True)

    low = exit_hazard(together, 1, new=False, low_baseline=True)

    assert low == pytest.approx(np.full(LEVELS, together.churn_month / 30))
    assert (exit_hazard(together, 1, new=False) == exit_hazard(Parameters(), 1, new=False)).all()
    assert (exit_hazard(Parameters(), 1, new=False, low_baseline=True) == exit_hazard(Parameters(), 1, new=False)).all()


@pytest.mark.parametrize("regime", Regime)
def test_levels_move_one_at_a_time(regime: Regime) -> None:
    moves = level_moves(regime)

    assert moves.sum(axis=1) == pytest.approx(np.ones(LEVELS))
    assert (moves[np.abs(np.subtract.outer(range(LEVELS), range(LEVELS))) > 1] == 0).all()


def test_regimes_pull_to_their_levels() -> None:
    settled = {regime: np.linalg.matrix_power(level_moves(regime), 500)[0] @ LEVEL for regime in Regime}

    assert settled[Regime.HIGH_PERFORMER] > 0.85 > settled[Regime.STEADY] > 0.65
    assert 0.55 > settled[Regime.AT_RISK] > 0.35
    assert settled[Regime.CHURNER] < 0.15


def test_who_is_gone_comes_back_low_or_not_at_all() -> None:
    day = transition(Parameters(), 1, new=False)

    assert day.moves[GONE, RETURNED] == 0.012
    assert day.moves[GONE].nonzero()[0].tolist() == [RETURNED, GONE]


def test_a_shock_costs_three_levels_of_whoever_is_at_work() -> None:
    states = np.array([7, 2, LEVELS + 5, AT_WORK + 7, GONE])

    assert shocked(states).tolist() == [4, 0, LEVELS + 2, AT_WORK + 7, GONE]


def test_everybody_begins_in_some_state_at_work() -> None:
    assert entry_shares().sum() == pytest.approx(1)
    assert entry_shares()[AT_WORK:].sum() == 0
