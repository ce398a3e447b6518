"""A world of the calibrated size behaves as marketplaces do; the targets and tolerances are the calibration's."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tutormax.generation.observables import weekday_of
from tutormax.generation.process import AT_WORK, GONE, LEVELS, SILENT_DAYS_TO_CHURN, Parameters
from tutormax.generation.world import Day, live, warmed_up

FIRST_DAY, DAYS = 20_600, 240
CALIBRATED = Parameters()


def lived(parameters: Parameters, days: int, *, seed: int = 7) -> list[Day]:
    world = warmed_up(parameters, seed, FIRST_DAY, until=FIRST_DAY)
    told = []
    for _ in range(days):
        told.append(live(world))
        world = told[-1].world
    return told


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return lived(CALIBRATED, DAYS)


@dataclass(frozen=True, slots=True)
class Churn:
    tutor: int
    last_session_day: int
    day: int
    resigned: bool


def churns(days: list[Day]) -> list[Churn]:
    found = []
    for day in days:
        silent = day.evening.ordinal[day.evening.silent_days == SILENT_DAYS_TO_CHURN]
        found += [Churn(int(tutor), day.day - SILENT_DAYS_TO_CHURN, day.day, resigned=False) for tutor in silent]
        gone = day.resigned.ordinal[day.resigned.open_spell]
        found += [Churn(int(tutor), day.day - 1, day.day, resigned=True) for tutor in gone]
    return found


def total(days: list[Day], column: str) -> int:
    return int(sum(getattr(day.draws.counts, column).sum() for day in days))


def stock(days: list[Day]) -> float:
    return float(np.mean([day.evening.open_spell.sum() for day in days]))


def test_the_stock_stays_and_teaches_two_sessions_a_day(days: list[Day]) -> None:
    assert stock(days) == pytest.approx(1500, rel=0.02)
    assert total(days, "completed") / DAYS / stock(days) == pytest.approx(2.03, rel=0.05)


def test_twelve_percent_leave_in_a_month(days: list[Day]) -> None:
    assert len(churns(days)) / DAYS * 30 / stock(days) == pytest.approx(0.12, abs=0.015)


def test_one_in_ten_who_leave_says_so(days: list[Day]) -> None:
    share = np.mean([churn.resigned for churn in churns(days)])

    assert 0.08 <= share <= 0.17


def test_tutors_cause_nearly_all_reschedules(days: list[Day]) -> None:
    by_tutor, by_student = total(days, "tutor_reschedules"), total(days, "student_reschedules")

    assert by_tutor / (by_tutor + by_student) == pytest.approx(0.982, abs=0.003)


def test_a_quarter_of_those_who_leave_had_a_failed_first_session_in_their_last_month(days: list[Day]) -> None:
    failed = {(int(tutor), day.day) for day in days for tutor in day.tutors.ordinal[day.draws.counts.first_failed > 0]}

    def had_one(churn: Churn) -> bool:
        month = range(churn.last_session_day - 29, churn.last_session_day + 1)
        return any((churn.tutor, day) in failed for day in month)

    observed = [had_one(churn) for churn in churns(days) if churn.day >= FIRST_DAY + 45]
    assert np.mean(observed) == pytest.approx(0.24, abs=0.04)


def test_no_shows_are_rare_and_fall_on_mondays(days: list[Day]) -> None:
    def rate(some: list[Day]) -> float:
        return total(some, "no_shows") / (total(some, "no_shows") + total(some, "completed"))

    mondays = [day for day in days if weekday_of(day.day) == 0]
    others = [day for day in days if weekday_of(day.day) != 0]
    assert rate(days) < 0.05
    assert 1.8 <= rate(mondays) / rate(others) <= 2.6


def test_the_mean_rating_is_about_four_and_a_half(days: list[Day]) -> None:
    ratings = np.concatenate([day.draws.taught.rating for day in days])

    assert ratings[ratings > 0].mean() == pytest.approx(4.5, abs=0.08)


def test_most_tutors_do_well_and_some_do_not(days: list[Day]) -> None:
    counted = np.zeros(5)
    for day in days:
        settled = day.evening.take(day.evening.open_spell & (day.evening.tenure_days(day.day) >= 30))
        regime = np.where(settled.state == GONE, 4, settled.state % AT_WORK // LEVELS)
        counted += np.bincount(regime, minlength=5)

    assert counted / counted.sum() == pytest.approx([0.36, 0.23, 0.25, 0.11, 0.05], abs=0.05)


def test_some_come_back_after_they_had_churned(days: list[Day]) -> None:
    back = sum(
        ((day.tutors.silent_days >= SILENT_DAYS_TO_CHURN) & (day.draws.counts.completed > 0)).sum() for day in days
    )

    assert 50 < back < 0.3 * len(churns(days))


def test_who_churned_and_is_gone_leaves_no_trace(days: list[Day]) -> None:
    for day in days:
        absent = ~day.tutors.open_spell & (day.tutors.state == GONE)
        counts = day.draws.counts.take(absent)
        assert not any(np.nan_to_num(column).any() for column in counts.arrays().values())


def test_a_tutor_reappears_in_the_next_morning_as_the_evening_left_them(days: list[Day]) -> None:
    evening, morning = days[10].evening, days[10].world.tutors

    assert np.isin(evening.ordinal[evening.open_spell], morning.ordinal).all()
    assert (np.diff(morning.ordinal) > 0).all()


def test_the_same_seed_lives_the_same_day_and_another_does_not() -> None:
    small = Parameters(tutors=40, burn_in_days=20)
    one, again, other = (lived(small, 3, seed=seed)[-1] for seed in (7, 7, 8))

    assert one.evening.state.tolist() == again.evening.state.tolist()
    assert one.draws.taught.engagement.tolist() == again.draws.taught.engagement.tolist()
    assert one.draws.taught.engagement.tolist() != other.draws.taught.engagement.tolist()


def test_without_a_hazard_nobody_goes() -> None:
    days = lived(Parameters(tutors=100, burn_in_days=40, hazard=0.0), 40)

    assert not any((day.evening.state == GONE).any() or len(day.resigned) for day in days)


@pytest.mark.parametrize(
    ("switch", "column"), [("drift_login", "logins"), ("drift_volume", "completed"), ("drift_hazard", "leaving")]
)
def test_a_drift_begins_on_its_day(switch: str, column: str) -> None:
    factor = 4.0 if switch == "drift_hazard" else 0.5
    small = Parameters(tutors=200, burn_in_days=30, drift_day=20)
    usual = lived(small, 40)
    drift: dict[str, Any] = {switch: factor}
    drifted = lived(replace(small, **drift), 40)

    def shown(days: list[Day]) -> int:
        if column == "leaving":
            return sum(int((day.evening.state == GONE).sum()) for day in days)
        return total(days, column)

    assert shown(drifted[:20]) == shown(usual[:20])
    if column == "leaving":
        assert shown(drifted[20:]) > 1.25 * shown(usual[20:])
    else:
        assert shown(drifted[20:]) == pytest.approx(0.5 * shown(usual[20:]), rel=0.2)
