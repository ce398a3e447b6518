"""What can be seen says something about the level, and no more than it should."""

import numpy as np
import pytest

from tutormax.generation.observables import (
    Observables,
    booking_shares,
    first_session_share,
    observables,
    shock_applies,
    usual_volume,
    weekday_of,
)
from tutormax.generation.process import GONE_CLASS, LEVELS, ON_LEAVE_CLASS, Parameters

USUAL = observables(Parameters())


def test_the_first_of_1970_was_a_thursday() -> None:
    assert [weekday_of(day) for day in (0, 3, 4)] == [3, 6, 0]


def test_a_usual_week_at_full_tenure_is_the_baseline() -> None:
    week = sum(usual_volume(np.array([15.0]), weekday, np.array([300])) for weekday in range(7))

    assert week == pytest.approx(15)


def test_only_who_is_at_work_teaches() -> None:
    assert (USUAL.activity[:LEVELS] > 0).all()
    assert (USUAL.activity[[ON_LEAVE_CLASS, GONE_CLASS]] == 0).all()


def test_bookings_shrink_with_engagement_and_do_not_stop_at_once() -> None:
    at_work = USUAL.booking[:LEVELS]

    assert (np.diff(at_work) > 0).all()
    assert at_work[0] > USUAL.booking[ON_LEAVE_CLASS] > USUAL.booking[GONE_CLASS] > 0


def test_bookings_ahead_are_a_share_of_the_week_they_are_for() -> None:
    assert sum(booking_shares(weekday).sum() for weekday in range(7)) == pytest.approx(7)


@pytest.mark.parametrize("new", [0, 1])
def test_ratings_are_distributions_that_rise_with_the_level(new: int) -> None:
    ratings = USUAL.ratings[new]
    means = ratings @ np.arange(1, 6)

    assert ratings.sum(axis=-1) == pytest.approx(np.ones(ratings.shape[:-1]))
    assert (np.diff(means[:, :LEVELS]) > 0).all()
    assert (np.diff(means, axis=0) > 0).all()


def test_first_sessions_get_rarer_for_thirty_days_and_then_no_more() -> None:
    shares = first_session_share(np.array([0, 10, 30, 400]))

    assert shares[0] == pytest.approx(0.25)
    assert shares[0] > shares[1] > shares[2] == shares[3]


@pytest.mark.parametrize("table", ["engagement", "tutor_reschedules", "response"])
def test_noise_hides_the_level(table: str) -> None:
    def contrast(tables: Observables) -> float:
        values = getattr(tables, table)[:LEVELS]
        return float(abs(values[-1] - values[0]))

    assert contrast(observables(Parameters(noise=2))) < contrast(USUAL)


def test_with_interactions_a_shock_hits_the_young_only() -> None:
    parameters = Parameters(interactions=True)

    assert shock_applies(parameters, np.array([10, 59, 60])).tolist() == [True, True, False]
    assert shock_applies(Parameters(), np.array([10, 59, 60])).all()
