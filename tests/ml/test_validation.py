"""The record of a predictor, against scikit-learn's numbers and against what chance allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as reference_log_loss

from ml import bootstrap
from ml.bootstrap import interval, resample, slopes
from ml.calibration import line, sigmoid
from ml.validation import auc, calibration_error, quality, sampling_error, weighted_auc
from tests.ml.invented import invent


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=2, max_size=60))
def test_the_auc_is_that_of_scikit_learn_ties_included(rows: list[tuple[int, float]]) -> None:
    labels, probabilities = (np.array(column) for column in zip(*rows, strict=True))
    labels = labels.astype(np.int8)

    found = auc(labels, probabilities)

    one_class = len(set(labels.tolist())) == 1
    assert found is None if one_class else found == pytest.approx(roc_auc_score(labels, probabilities))


def test_a_weighted_auc_counts_a_row_as_often_as_it_weighs() -> None:
    world = invent(tutors=30, weeks=4)
    labels, probabilities = world.labels[30], world.truth[30].round(2)
    weights = np.random.default_rng(0).integers(0, 4, size=len(labels))

    [found] = weighted_auc(labels, probabilities, weights[None, :].astype(np.float64))

    assert found == pytest.approx(auc(labels.repeat(weights), probabilities.repeat(weights)))


def test_log_loss_and_brier_are_those_of_scikit_learn() -> None:
    world = invent()
    labels, truth = world.labels[30], world.truth[30]

    found = quality(labels, truth, np.ones(len(labels), dtype=np.bool_))

    assert found.log_loss == pytest.approx(reference_log_loss(labels, truth))
    assert found.brier == pytest.approx(brier_score_loss(labels, truth))
    assert found.auc == found.early_warning_auc == pytest.approx(roc_auc_score(labels, truth))


def test_true_probabilities_are_calibrated_and_extreme_ones_are_not() -> None:
    world = invent(tutors=1000)
    labels, truth = world.labels[30], world.truth[30]
    extreme = truth**2 / (truth**2 + (1 - truth) ** 2)
    active = np.ones(len(labels), dtype=np.bool_)

    honest, bold = quality(labels, truth, active), quality(labels, extreme, active)

    assert honest.calibration_slope == pytest.approx(1, abs=0.1)
    assert honest.mean_ratio == pytest.approx(1, abs=0.05)
    assert (
        honest.calibration_error
        < sampling_error(truth, np.arange(len(truth)), seed=0)
        < calibration_error(labels, extreme)
    )
    assert bold.calibration_slope == pytest.approx(0.5, abs=0.05)
    assert bold.auc == honest.auc


def test_an_alarm_counts_who_is_above_its_cut() -> None:
    labels = np.array([1, 0, 1, 0], dtype=np.int8)

    alarms = quality(labels, np.array([0.9, 0.8, 0.6, 0.5]), labels == 1).alarms

    assert (alarms["critical"].share, alarms["critical"].precision, alarms["critical"].recall) == (0.5, 0.5, 0.5)
    assert (alarms["high"].precision, alarms["high"].recall) == (2 / 3, 1)


def test_one_class_has_no_ranking_and_no_skill() -> None:
    found = quality(np.zeros(5, dtype=np.int8), np.full(5, 0.1), np.ones(5, dtype=np.bool_))

    assert (found.auc, found.skill, found.average_precision, found.calibration_slope, found.mean_ratio) == (None,) * 5
    assert found.log_loss > 0


def test_shuffled_labels_are_ranked_by_luck_alone() -> None:
    world = invent(tutors=400)
    generator = np.random.default_rng(0)

    found = [auc(generator.permutation(world.labels[30]), world.truth[30]) for _ in range(200)]

    assert max(abs(each - 0.5) for each in found if each is not None) < 0.04


def test_the_interval_holds_the_record_and_narrows_with_more_tutors() -> None:
    widths = []
    for tutors in (50, 800):
        world = invent(tutors=tutors)
        labels, truth = world.labels[30], world.truth[30]
        low, high = interval(resample(labels, truth, world.tutor_ids, seed=0).auc)
        assert low < roc_auc_score(labels, truth) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_slopes_found_at_once_are_those_found_one_by_one() -> None:
    generator = np.random.default_rng(7)
    odds = generator.normal(-2, 1.5, size=400)
    labels = (generator.random(400) < sigmoid(0.3 + 0.8 * odds)).astype(np.float64)
    weights = generator.integers(0, 4, size=(50, 400)).astype(np.float64)

    found = slopes(odds, labels, weights)

    assert found == pytest.approx([line(odds, labels, weight)[1] for weight in weights], abs=1e-8)
    assert np.std(found) > 0.01


def test_how_many_rounds_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = invent()
    labels, truth = world.labels[30], world.truth[30]
    together = resample(labels, truth, world.tutor_ids, seed=0)

    monkeypatch.setattr(bootstrap, "MOST_AT_ONCE", 7 * len(labels))
    in_pieces = resample(labels, truth, world.tutor_ids, seed=0)

    for each in bootstrap.FIELDS:
        np.testing.assert_allclose(getattr(in_pieces, each.name), getattr(together, each.name), rtol=1e-9)


def test_two_predictors_are_resampled_on_the_same_tutors() -> None:
    world = invent()
    labels, truth = world.labels[30], world.truth[30]

    ours = resample(labels, truth, world.tutor_ids, seed=0)
    theirs = resample(labels, truth * 0.999, world.tutor_ids, seed=0)

    assert np.std(ours.auc - theirs.auc) < np.std(ours.auc) / 100


def test_a_sample_of_tutors_who_all_stayed_counts_every_row_once() -> None:
    labels = np.array([1, 0, 0], dtype=np.int8)

    found = resample(labels, np.array([0.6, 0.5, 0.4]), np.array([1, 2, 3]), seed=0)

    assert np.all(np.isfinite(found.auc))
    assert np.all(found.auc == 1)
