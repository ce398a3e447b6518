"""Training: the same rows give the same bytes, too little gives a reason, and luck gives no skill."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from xgboost import QuantileDMatrix
from xgboost import train as boosted

from ml.boosting import FEW_TREES, parameters, plan
from ml.calibration import sigmoid
from ml.features.catalogue import NAMES
from ml.model import ChurnModel
from ml.projection import ANCHOR, HORIZONS
from ml.training import Lesson, Status, Training, train
from ml.validation import quality
from tests.ml.invented import DAY, FIRST, Invented, invent


def lessons(world: Invented, first_validated_week: int = 9) -> dict[int, Lesson]:
    """Return lessons that learn from the older weeks and are validated on the newer ones."""
    fit = world.as_of < FIRST + first_validated_week * 7 * DAY
    return {h: Lesson(world.examples(h), world.as_of, fit, ~fit) for h in HORIZONS}


def trained(taught: dict[int, Lesson], threads: int = 2) -> Training:
    return train(taught, least_rows=100, seed=7, threads=threads)


def fingerprints(training: Training) -> dict[int, str]:
    return {
        horizon: hashlib.sha256(learnt.served.booster.save_raw("ubj")).hexdigest()
        for horizon, learnt in training.learnt.items()
    }


@pytest.fixture(scope="module")
def world() -> Invented:
    return invent(tutors=100)


@pytest.fixture(scope="module")
def training(world: Invented) -> Training:
    return trained(lessons(world))


def test_every_horizon_is_learnt(training: Training) -> None:
    assert training.status is Status.TRAINED
    assert tuple(training.learnt) == HORIZONS
    assert training.skipped == {}


def test_weeks_that_were_not_seen_are_foreseen(world: Invented, training: Training) -> None:
    lesson = lessons(world)[ANCHOR]
    unseen = lesson.examples.where(lesson.validation)
    active = np.ones(len(unseen.labels), dtype=np.bool_)

    model = training.validated(NAMES).raw_probabilities(unseen.values)[:, HORIZONS.index(ANCHOR)]

    best = quality(unseen.labels, world.truth[ANCHOR][lesson.validation], active)
    found = quality(unseen.labels, model, active)
    assert found.auc is not None
    assert best.auc is not None
    assert found.skill is not None
    assert best.skill is not None
    assert 0.85 < (found.auc - 0.5) / (best.auc - 0.5) < 1.05
    assert 0.6 < found.skill / best.skill < 1.1


def test_the_same_rows_give_the_same_bytes_on_one_thread_or_two(world: Invented, training: Training) -> None:
    some = {horizon: lessons(world)[horizon] for horizon in (1, 30)}

    again = fingerprints(trained(some, threads=1))

    assert again == {horizon: fingerprints(training)[horizon] for horizon in some}


def test_growing_stops_at_the_same_tree_on_rows_that_are_not_binned(world: Invented) -> None:
    examples = world.examples()
    known, unseen = examples.where(examples.groups % 3 > 0), examples.where(examples.groups % 3 == 0)
    data = known.binned()
    binned = QuantileDMatrix(unseen.values, unseen.labels, feature_names=list(NAMES), ref=data, max_bin=128)

    grown = [
        boosted(parameters(7), data, 400, evals=[(fold, "fold")], early_stopping_rounds=40, verbose_eval=False)
        for fold in (binned, unseen.plain())
    ]

    assert grown[0].best_iteration < 399
    assert grown[0].save_raw("ubj") == grown[1].save_raw("ubj")


def test_what_serves_has_learnt_from_more_than_what_was_validated(training: Training) -> None:
    learnt = training.learnt[ANCHOR]

    assert learnt.validated is not None
    assert learnt.served.booster.save_raw("ubj") != learnt.validated.booster.save_raw("ubj")
    assert learnt.served.booster.num_boosted_rounds() == learnt.plan.trees


def test_labels_without_meaning_teach_nothing() -> None:
    found = []
    for seed in range(12):
        world = invent(tutors=60, seed=seed)
        shuffled = np.random.default_rng(seed).permutation(world.labels[ANCHOR])
        lesson = lessons(replace(world, labels=world.labels | {ANCHOR: shuffled}))[ANCHOR]
        learnt = trained({ANCHOR: lesson}).learnt[ANCHOR]
        assert learnt.validated is not None
        unseen = lesson.examples.where(lesson.validation)
        probabilities = ChurnModel(NAMES, {ANCHOR: learnt.validated}).raw_probabilities(unseen.values)[:, 2]
        found.append(quality(unseen.labels, probabilities, np.ones(len(unseen.labels), dtype=np.bool_)))
    assert np.mean([each.auc for each in found if each.auc is not None]) == pytest.approx(0.5, abs=0.06)
    assert max(each.skill for each in found if each.skill is not None) <= 0.02


def test_99_rows_are_too_few(world: Invented) -> None:
    training = trained({ANCHOR: _cut(lessons(world)[ANCHOR], 99)})

    assert training.status is Status.SKIPPED_INSUFFICIENT_DATA
    assert training.skipped[ANCHOR].startswith("99 labelled snapshots to learn from, 100 are needed")
    assert training.learnt == {}


def test_no_mature_row_is_too_few(world: Invented) -> None:
    nobody = np.zeros(0, dtype=np.intp)
    nothing = Lesson(world.examples().where(nobody), world.as_of[:0], nobody == 1, nobody == 1)

    training = trained(dict.fromkeys(HORIZONS, nothing))

    assert training.status is Status.SKIPPED_INSUFFICIENT_DATA
    assert training.skipped.keys() == set(HORIZONS)


@pytest.mark.parametrize(("label", "what"), [(0, "0 churners"), (1, "0 stayers")])
def test_one_class_teaches_nothing(world: Invented, label: int, what: str) -> None:
    lesson = lessons(world)[ANCHOR]
    one_class = replace(lesson, examples=replace(lesson.examples, labels=np.full_like(lesson.examples.labels, label)))

    training = trained({ANCHOR: one_class})

    assert training.status is Status.SKIPPED_INSUFFICIENT_DATA
    assert what in training.skipped[ANCHOR]


def test_churners_that_cannot_be_validated_are_too_few(world: Invented) -> None:
    lesson = lessons(world)[ANCHOR]
    labels = np.where(lesson.validation, 0, lesson.examples.labels).astype(np.int8)

    training = trained({ANCHOR: replace(lesson, examples=replace(lesson.examples, labels=labels))})

    assert training.skipped[ANCHOR] == "0 churners to validate on, 30 are needed"


def test_a_horizon_of_one_class_is_skipped_and_follows_its_neighbour(world: Invented, training: Training) -> None:
    taught = lessons(world)
    nobody = replace(taught[1].examples, labels=np.zeros_like(taught[1].examples.labels))

    without = trained({1: replace(taught[1], examples=nobody), 30: taught[30]})
    probabilities = without.served(NAMES).raw_probabilities(world.values[:50])

    assert without.status is Status.TRAINED
    assert "0 churners" in without.skipped[1]
    assert probabilities[:, 0] == pytest.approx(1 - (1 - probabilities[:, 2]) ** (1 / 30))
    assert fingerprints(without)[30] == fingerprints(training)[30]


def test_a_horizon_that_matures_too_late_for_a_split_is_validated_on_unseen_tutors(world: Invented) -> None:
    taught = lessons(world)
    late = replace(taught[90], fit=np.zeros_like(taught[90].fit))

    learnt = trained({30: taught[30], 90: late}).learnt[90]

    assert learnt.validated is None
    assert learnt.of_unseen_tutors is not None
    every = np.ones(len(world.values), dtype=np.bool_)
    seen = quality(world.labels[90], sigmoid(learnt.served.margins(ChurnModel(NAMES, {}).data(world.values))), every)
    unseen = quality(world.labels[90], learnt.of_unseen_tutors, every)
    assert seen.auc is not None
    assert unseen.auc is not None
    assert 0.6 < unseen.auc < seen.auc


def test_few_churners_get_a_small_fixed_model() -> None:
    world = invent(tutors=40)

    planned = plan(world.examples(1), seed=7)

    assert (planned.trees, planned.provisional, planned.calibration.slope) == (FEW_TREES, True, 1)


def test_a_feature_without_any_value_does_no_harm(world: Invented) -> None:
    empty = world.values.copy()
    empty[:, NAMES.index("rating_avg_14d")] = np.nan

    training = trained({ANCHOR: lessons(replace(world, values=empty))[ANCHOR]})

    assert training.status is Status.TRAINED


def _cut(lesson: Lesson, rows: int) -> Lesson:
    kept = np.flatnonzero(lesson.fit)[:rows]
    return Lesson(
        lesson.examples.where(kept), lesson.as_of[kept], np.ones(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_)
    )
