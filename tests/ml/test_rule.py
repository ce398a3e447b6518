"""The rule: silence and falling short of one's usual raise the risk, whoever the tutor is."""

import numpy as np
import pytest

from ml.explanation import explain
from ml.features.catalogue import NAMES
from ml.model import Matrix
from ml.projection import HORIZONS, project
from ml.rule import Rule


def tutor(**features: float) -> Matrix:
    row = {"tenure_days": 300.0, "days_since_last_session": 0.0, "sessions_14d": 14.0, "sessions_90d": 90.0} | features
    return np.array([[row.get(name, np.nan) for name in NAMES]], dtype=np.float32)


def risks(**features: float) -> dict[int, float]:
    return dict(zip(HORIZONS, project(Rule().raw_probabilities(tutor(**features)))[0].tolist(), strict=True))


def test_who_teaches_as_usual_is_at_low_risk() -> None:
    assert risks() == pytest.approx({1: 0.0005, 7: 0.005, 30: 0.06, 90: 0.2})


@pytest.mark.parametrize("horizon", HORIZONS)
def test_every_day_of_silence_raises_every_risk(horizon: int) -> None:
    found = [risks(days_since_last_session=float(days))[horizon] for days in range(15)]

    assert found == sorted(found)
    assert found[0] < found[7] < found[14]


def test_the_odds_are_even_after_a_week_of_silence() -> None:
    assert risks(days_since_last_session=7)[30] == pytest.approx(0.5)


def test_teaching_less_than_usual_raises_the_risk_and_is_the_reason() -> None:
    fallen = tutor(sessions_14d=2)
    [explained] = explain(fallen, Rule().contributions(fallen))

    assert risks(sessions_14d=2)[30] > 2 * risks()[30]
    assert [factor.text for factor in explained.raising] == ["Taught 2 sessions in the last 14 days, usually 14"]


def test_teaching_more_than_usual_counts_as_usual() -> None:
    assert risks(sessions_14d=40) == risks()


def test_a_new_tutor_is_compared_with_the_days_since_joining() -> None:
    assert risks(tenure_days=10, sessions_14d=10, sessions_90d=10) == risks()


def test_a_tutor_of_whom_nothing_is_known_gets_a_valid_score() -> None:
    nothing = np.full((1, len(NAMES)), np.nan, dtype=np.float32)

    assert project(Rule().raw_probabilities(nothing))[0].tolist() == pytest.approx([0.0005, 0.005, 0.06, 0.2])


def test_a_tutor_who_never_taught_is_judged_by_the_time_since_joining() -> None:
    never = {"tenure_days": 12.0, "days_since_last_session": 12.0, "sessions_14d": 0.0, "sessions_90d": 0.0}

    assert risks(**never) == risks(days_since_last_session=12)
