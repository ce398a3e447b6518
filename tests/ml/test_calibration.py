"""Platt's line: found when it is there, left alone when it is not, and never wild."""

import numpy as np
import pytest

from ml.calibration import Calibration, Labels, Margins, log_loss, sigmoid


def drawn(margins: Margins, seed: int = 0) -> Labels:
    return (np.random.default_rng(seed).random(len(margins)) < sigmoid(margins)).astype(np.int8)


@pytest.fixture
def margins() -> Margins:
    return np.random.default_rng(1).normal(-2, 1.5, size=20_000)


def test_a_skewed_model_gets_its_line(margins: Margins) -> None:
    found = Calibration.fitted(margins, drawn(0.4 + 1.5 * margins))

    assert (found.intercept, found.slope) == pytest.approx((0.4, 1.5), abs=0.1)


def test_a_calibrated_model_is_left_as_it_is(margins: Margins) -> None:
    assert Calibration.fitted(margins, drawn(margins)) == Calibration()


def test_separable_labels_ask_for_no_infinite_slope(margins: Margins) -> None:
    assert Calibration.fitted(margins, (margins > 0).astype(np.int8)).slope == 2


def test_a_model_that_is_upside_down_is_not_turned_round(margins: Margins) -> None:
    assert Calibration.fitted(margins, drawn(-margins)).slope == 0.5


def test_calibration_betters_the_log_loss_or_changes_nothing(margins: Margins) -> None:
    labels = drawn(0.4 + 1.5 * margins)

    found = Calibration.fitted(margins, labels)

    assert log_loss(labels, found.probabilities(margins)) < log_loss(labels, sigmoid(margins))


def test_certain_log_odds_neither_overflow_nor_leave_the_unit_interval() -> None:
    assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0, 0.5, 1]
