"""The newest weeks validate, what is learnt from lies wholly before them, and the rows between are purged."""

from datetime import timedelta

import numpy as np
import pytest

from ml.features.build import microseconds
from ml.labels import SLACK, mature
from ml.split import Split, split
from tests.conftest import NOW

DAY = np.timedelta64(1, "D")


def dataset(days: int, horizon_days: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an instant every six hours of so many days, and labels, too early for the newest."""
    as_of = microseconds(NOW) - np.arange(days * 4) * np.timedelta64(6, "h")
    final = mature(as_of, horizon_days=horizon_days, known_at=NOW)
    return as_of, np.where(final, np.arange(len(as_of)) % 2, -1).astype(np.int8)


def made(days: int, horizon_days: int = 30, test_share: float = 0.2) -> tuple[np.ndarray, np.ndarray, Split]:
    as_of, labels = dataset(days, horizon_days)
    return as_of, labels, split(as_of, labels, horizon_days=horizon_days, test_share=test_share)


def span(as_of: np.ndarray) -> float:
    return float((as_of.max() - as_of.min()) / DAY)


@pytest.mark.parametrize("horizon_days", [1, 7, 30, 90])
def test_no_label_learnt_from_reaches_into_validation(horizon_days: int) -> None:
    as_of, _, parts = made(300, horizon_days)

    gap = as_of[parts.validation].min() - as_of[parts.fit].max()
    assert gap > horizon_days * DAY + SLACK
    assert gap <= horizon_days * DAY + SLACK + np.timedelta64(12, "h")


@pytest.mark.parametrize(("days", "validated"), [(132, 28), (232, 40), (432, 56)])
def test_a_fifth_of_the_time_validates_between_four_and_eight_weeks(days: int, validated: float) -> None:
    as_of, _, parts = made(days)

    assert span(as_of[parts.validation]) == pytest.approx(validated, abs=0.5)


def test_another_share_of_the_time_validates() -> None:
    as_of, _, parts = made(232, test_share=0.25)

    assert span(as_of[parts.validation]) == pytest.approx(50, abs=0.5)


def test_the_newest_mature_instant_validates_and_no_immature_one_is_used() -> None:
    as_of, labels, parts = made(200)

    assert as_of[parts.validation].max() == as_of[labels >= 0].max()
    assert not (labels[parts.fit | parts.validation] == -1).any()


def test_the_newest_15_percent_of_the_time_learnt_from_stops_early() -> None:
    as_of, _, parts = made(300)

    assert span(as_of[parts.stopping]) / span(as_of[parts.fit]) == pytest.approx(0.15, abs=0.005)
    assert not (parts.stopping & ~parts.fit).any()
    assert as_of[parts.stopping].min() > as_of[parts.fit & ~parts.stopping].max()


@pytest.mark.parametrize("days", [1, 20, 33, 60])
def test_too_short_a_history_leaves_nothing_to_learn_from(days: int) -> None:
    _, labels, parts = made(days)

    assert not parts.fit.any()
    assert not parts.stopping.any()
    assert parts.validation.sum() == (labels >= 0).sum()


def test_the_order_of_rows_does_not_matter() -> None:
    as_of, labels, parts = made(200)
    order = np.random.default_rng(1).permutation(len(as_of))

    shuffled = split(as_of[order], labels[order], horizon_days=30, test_share=0.2)

    assert shuffled.fit.tolist() == parts.fit[order].tolist()
    assert shuffled.validation.tolist() == parts.validation[order].tolist()


def test_masks_never_overlap_whatever_the_history() -> None:
    for days in range(1, 400, 13):
        _, _, parts = made(days)
        assert not (parts.fit & parts.validation).any(), timedelta(days=days)
