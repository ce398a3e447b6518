"""Four horizons never contradict each other, and score and level change exactly at the quarters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.projection import (
    NotAProbabilityError,
    RiskLevel,
    churn_scores,
    complete,
    project,
    repaired,
    risk_level,
)

PROBABILITY = st.floats(0, 1)


@given(st.lists(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY, PROBABILITY), min_size=1, max_size=20))
def test_a_longer_horizon_is_never_less_likely_and_30_days_stay_as_they_were(rows: list[tuple[float, ...]]) -> None:
    raw = np.array(rows)

    one, seven, thirty, ninety = project(raw).T

    assert np.all((one <= seven) & (seven <= thirty) & (thirty <= ninety))
    assert np.array_equal(thirty, raw[:, 2])


@given(st.lists(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY, PROBABILITY), min_size=1, max_size=20))
def test_rows_that_agree_stay_as_they_are(rows: list[tuple[float, ...]]) -> None:
    raw = np.sort(np.array(rows), axis=1)

    assert np.array_equal(project(raw), raw)


def test_only_repairs_that_anybody_would_notice_are_counted() -> None:
    raw = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.305, 0.3, 0.4], [0.1, 0.4, 0.3, 0.4], [0.3, 0.2, 0.3, 0.1]])

    assert repaired(raw, project(raw)) == 2


@pytest.mark.parametrize("wrong", [float("nan"), -0.001, 1.001, float("inf")])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(NotAProbabilityError, match=str(wrong)):
        project(np.array([[0.1, 0.2, wrong, 0.4]]))


@pytest.mark.parametrize(
    ("probability", "score", "level"),
    [
        (0.0, 0, RiskLevel.LOW),
        (1e-9, 1, RiskLevel.LOW),
        (0.25, 25, RiskLevel.LOW),
        (np.nextafter(0.25, 1), 26, RiskLevel.MEDIUM),
        (0.255, 26, RiskLevel.MEDIUM),
        (0.5, 50, RiskLevel.MEDIUM),
        (np.nextafter(0.5, 1), 51, RiskLevel.HIGH),
        (0.75, 75, RiskLevel.HIGH),
        (np.nextafter(0.75, 1), 76, RiskLevel.CRITICAL),
        (1.0, 100, RiskLevel.CRITICAL),
    ],
)
def test_score_and_level_change_exactly_at_the_quarters(probability: float, score: int, level: RiskLevel) -> None:
    [found] = churn_scores(np.array([probability])).tolist()

    assert (found, risk_level(found)) == (score, level)


@given(PROBABILITY)
def test_high_and_critical_are_exactly_what_exceeds_one_half(probability: float) -> None:
    [score] = churn_scores(np.array([probability])).tolist()

    assert (risk_level(score) in {RiskLevel.HIGH, RiskLevel.CRITICAL}) == (probability > 0.5)


@given(PROBABILITY, PROBABILITY)
def test_a_horizon_without_a_model_keeps_between_its_neighbours(seven: float, more: float) -> None:
    thirty = max(seven, more)

    one, _, _, ninety = complete({7: np.array([seven]), 30: np.array([thirty])})[0]

    assert one <= seven + 1e-12
    assert ninety >= thirty - 1e-12
    assert one == pytest.approx(1 - (1 - seven) ** (1 / 7))
