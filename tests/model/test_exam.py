"""A small marketplace, and what the exam and the gate make of an honest model of it and of dishonest ones."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from sqlalchemy import Connection, Engine, text

from ml.candidate import Further, nothing
from ml.dataset import Dataset
from ml.features.build import FeatureMatrix, Spine, build, microseconds
from ml.features.catalogue import NAMES
from ml.gate import Decision, Judgement, Measured, Verdict, judge
from ml.labels import NOT_MATURE, spells
from ml.model import ChurnModel, Matrix
from ml.oracle import ceiling
from ml.oracle.pairing import Foreseen, NotMidnightError, NoWorldError, foreseen
from ml.projection import ANCHOR
from ml.split import LEAST_VALIDATION
from ml.training import Lesson
from tests.conftest import NOW
from tests.model import report
from tests.model.exam import Sat, sit, trained
from tests.model.leak import TAKEN, with_archetype
from tests.model.marks import GOALS, Mark, of_accuracy, of_interactions, of_soundness
from tests.model.report import Report
from tests.model.scale import TRAINED_AT, Scale
from tutormax.generation.process import Regime
from tutormax.populations import Population

ROOT = Path(__file__).parents[2]

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


def judged(dataset: Dataset, further: Further = nothing) -> Judgement:
    """Return what the gate says of a model of the 30 days alone."""
    unknown = {h: labels if h == ANCHOR else np.full_like(labels, NOT_MATURE) for h, labels in dataset.labels.items()}
    return trained(replace(dataset, labels=unknown), MINIATURE, further)[1]


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


def after_training(exam: Exam) -> dict[str, Measured]:
    return ceiling.of_worlds(
        exam.connection, exam.sat.model, since=microseconds(TRAINED_AT), known_at=MINIATURE.end, seed=1
    )


def test_an_honest_model_is_held_to_the_oracle_and_passes(exam: Exam, marks: dict[str, Mark]) -> None:
    held = after_training(exam)

    [fraction] = held.values()
    # The exam asks about the same weeks, its first day aside.
    assert fraction.value == pytest.approx(marks["30 d: AUC, fraction"].value, abs=0.05)
    assert judge(held, Population.SYNTHETIC).decision is Decision.PROMOTE


def test_the_oracle_may_think_for_as_long_as_it_takes(exam: Exam) -> None:
    after_training(exam)

    left_idle = exam.connection.execute(text("select current_setting('idle_in_transaction_session_timeout')"))
    assert left_idle.scalar_one() == "0"


def test_the_oracle_is_not_asked_by_who_may_not_read_the_truth(exam: Exam) -> None:
    exam.connection.exec_driver_sql((ROOT / "deploy/postgresql/roles.sql").read_text(encoding="utf-8"))
    exam.connection.execute(text("set local role tutormax_product"))

    held = after_training(exam)

    exam.connection.execute(text("reset role"))
    assert held == {}


def test_the_oracle_has_no_answer_where_the_world_went_another_way(exam: Exam) -> None:
    with exam.connection.begin_nested() as savepoint:
        exam.connection.execute(text("update sim_truth.evenings set states = set_byte(states, 0, 64)"))

        held = after_training(exam)

        savepoint.rollback()
    assert held == {}


def test_a_model_that_was_told_the_future_is_refused_by_the_training_itself(exam: Exam) -> None:
    dataset = exam.sat.dataset
    leaky = replace(dataset, features=FeatureMatrix(dataset.features.spine, told_the_future(exam, dataset.features)))

    def leaking(connection: Connection, spine: Spine) -> FeatureMatrix:
        honest = build(connection, spine)
        return FeatureMatrix(honest.spine, told_the_future(exam, honest))

    def further(model: ChurnModel, lesson: Lesson) -> dict[str, Measured]:
        since = lesson.as_of[lesson.validation].min()
        return ceiling.of_worlds(exam.connection, model, since=since, known_at=TRAINED_AT, seed=1, features=leaking)

    judgement = judged(leaky, further)

    assert judgement.decision is Decision.REFUSE
    assert "30-day AUC, fraction of the oracle's" in missed(judgement)


def told_the_future(exam: Exam, features: FeatureMatrix) -> Matrix:
    """Return features, one of which says, all too loudly for any that was honest, who leaves within 40 days."""
    everything = MINIATURE.end - timedelta(MINIATURE.world_days)
    ends = spells(exam.connection, Population.SYNTHETIC, known_at=MINIATURE.end, since=everything)
    values = features.values.copy()
    rows = zip(features.spine.tutor_ids, features.spine.as_of, strict=True)
    values[:, NAMES.index(TAKEN)] = [
        ((ends.tutor_ids == tutor) & (ends.churn_at > at) & (ends.churn_at < at + np.timedelta64(40, "D"))).any()
        for tutor, at in rows
    ]
    return values
