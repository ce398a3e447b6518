"""A small marketplace, and what the exam and the gate make of an honest model of it and of dishonest ones."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from sqlalchemy import Connection, Engine

from ml.dataset import Dataset
from ml.features.build import FeatureMatrix, Spine, microseconds
from ml.gate import Decision, Judgement, Verdict
from ml.labels import NOT_MATURE
from ml.oracle.pairing import Foreseen, NotMidnightError, NoWorldError, foreseen
from ml.projection import ANCHOR
from ml.split import LEAST_VALIDATION
from tests.conftest import NOW
from tests.model import report
from tests.model.exam import Sat, sit, trained
from tests.model.leak import TAKEN, with_archetype
from tests.model.marks import GOALS, Mark, of_accuracy, of_interactions, of_soundness
from tests.model.report import Report
from tests.model.scale import TRAINED_AT, Scale
from tutormax.generation.process import Regime

MINIATURE = Scale(
    tutors=150, history_days=120, lead_days=30, test_days=28, burn_in_days=60, horizons=(1, 7, ANCHOR), seed=7
)
FAULTS = (
    "monotonicity violations",
    "leaks: rows moved by what was not known",
    "train/serve differences",
    "SHAP additivity error",
)


@dataclass(frozen=True, slots=True)
class Exam:
    """A sat exam, and the connection that sees its marketplace."""

    connection: Connection
    sat: Sat


@pytest.fixture(scope="module")
def exam(engine: Engine) -> Iterator[Exam]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield Exam(connection, sit(connection, MINIATURE, lambda _: None))
        transaction.rollback()


@pytest.fixture(scope="module")
def marks(exam: Exam) -> dict[str, Mark]:
    found = of_accuracy(exam.sat, MINIATURE) + of_soundness(exam.connection, exam.sat)
    return {mark.name: mark for mark in found}


def test_even_so_small_a_model_knows_much_of_what_can_be_known(marks: dict[str, Mark]) -> None:
    assert 0.55 < marks["30 d: AUC, fraction"].value < 1.05
    assert 0.7 < marks["7 d: AUC, fraction"].value < 1.05
    assert marks["30 d: calibration error"].value < 0.1


@pytest.mark.parametrize("fault", FAULTS)
def test_what_must_never_be_is_not(marks: dict[str, Mark], fault: str) -> None:
    assert GOALS[fault].met(marks[fault].value)


def test_the_oracle_is_right_about_labels_computed_from_rows(exam: Exam) -> None:
    labels = exam.sat.labels[ANCHOR]

    foretold = exam.sat.oracle.filtered[:, MINIATURE.horizons.index(ANCHOR)]

    assert labels.sum() > 40
    assert foretold.mean() == pytest.approx(labels.mean(), rel=0.25)
    assert foretold[labels == 1].mean() > 2 * foretold[labels == 0].mean()


def test_a_report_is_kept_with_every_mark_and_its_verdict(exam: Exam, marks: dict[str, Mark], tmp_path: Path) -> None:
    sat = exam.sat
    made = Report(
        machine={"at": "2026-06-15T12:00"},
        scale=MINIATURE,
        marks=[*marks.values(), *of_interactions(replace(sat, oracle=thirty_only(sat)))],
        records=report.records(sat, MINIATURE),
        gate=sat.judgement,
    )

    kept = orjson.loads(report.keep(made, tmp_path).read_bytes())

    assert {mark["name"] for mark in kept["marks"] if "met" in mark} >= {*FAULTS, "30 d: AUC, fraction"}
    assert kept["records"]["filter oracle"]["30"]["auc"] > 0.75
    assert kept["scale"]["seed"] == MINIATURE.seed


def thirty_only(sat: Sat) -> Foreseen:
    at = MINIATURE.horizons.index(ANCHOR)
    return Foreseen(sat.oracle.latent[:, [at]], sat.oracle.filtered[:, [at]])


def judged(dataset: Dataset) -> Judgement:
    """Return what the gate says of a model of the 30 days alone."""
    unknown = {h: labels if h == ANCHOR else np.full_like(labels, NOT_MATURE) for h, labels in dataset.labels.items()}
    return trained(replace(dataset, labels=unknown), MINIATURE)[1]


def missed(judgement: Judgement) -> set[str]:
    return {check.name for check in judgement.checks if check.verdict is Verdict.FAILED}


def test_a_model_taught_on_shuffled_rows_is_refused(exam: Exam) -> None:
    honest = exam.sat.dataset
    shuffled = np.random.default_rng(0).permutation(len(honest))

    judgement = judged(replace(honest, features=FeatureMatrix(honest.features.spine, honest.features.values[shuffled])))

    assert judgement.decision is Decision.REFUSE
    assert "30-day AUC" in missed(judgement)
    assert "30-day skill" in missed(judgement) - missed(exam.sat.judgement)


def test_a_model_taught_on_rebalanced_classes_is_refused(exam: Exam) -> None:
    judgement = judged(rebalanced(exam.sat.dataset))

    assert judgement.decision is Decision.REFUSE
    spoilt = missed(judgement) - missed(exam.sat.judgement)
    assert {"30-day mean over base rate", "30-day calibration error", "30-day skill"} <= spoilt


def rebalanced(dataset: Dataset) -> Dataset:
    """Return a data set in which who left stands seven times wherever it is not for validation."""
    labels, as_of = dataset.labels[ANCHOR], dataset.features.spine.as_of
    validated = as_of[labels >= 0].max() - LEAST_VALIDATION
    left = np.flatnonzero((labels == 1) & (as_of < validated))
    rows = np.r_[np.arange(len(dataset)), np.tile(left, 6)]
    return Dataset(
        FeatureMatrix(dataset.features.spine.rows(rows), dataset.features.values[rows]),
        {horizon: each[rows] for horizon, each in dataset.labels.items()},
    )


def test_the_leak_on_purpose_is_the_truth(exam: Exam) -> None:
    features = exam.sat.dataset.features

    regimes = with_archetype(exam.connection, exam.sat.organization_id, features).column(TAKEN)

    left = exam.sat.dataset.labels[ANCHOR] == 1
    steady, churner = regimes == Regime.STEADY, regimes == Regime.CHURNER
    assert left[churner].mean() > 3 * left[steady].mean()


def test_the_oracle_is_asked_as_of_midnights_only(exam: Exam) -> None:
    asked = Spine.at(exam.sat.features.spine.tutor_ids[:1].tolist(), NOW)

    with pytest.raises(NotMidnightError, match="midnights"):
        foreseen(exam.connection, exam.sat.organization_id, asked)


def test_the_oracle_knows_nobody_without_a_world(exam: Exam) -> None:
    strangers = Spine(np.array([-1]), np.array([microseconds(TRAINED_AT)]))

    with pytest.raises(NoWorldError, match="-1"):
        foreseen(exam.connection, exam.sat.organization_id, strangers)
    with pytest.raises(NoWorldError, match="no world"):
        foreseen(exam.connection, 0, strangers)
