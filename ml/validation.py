"""How good probabilities were on weeks that no model had seen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.calibration import Labels, line, log_loss, log_odds

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Groups = NDArray[np.int64]

BINS = 15
CUTS = {"high": 0.5, "critical": 0.75}
TOP_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Alarm:
    """What one would meet who looked at every tutor above a cut."""

    cut: float
    share: float
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """One predictor's record on one horizon; what a set of labels cannot tell is None."""

    rows: int
    positives: int
    auc: float | None
    early_warning_auc: float | None
    average_precision: float | None
    log_loss: float
    skill: float | None
    brier: float
    calibration_error: float
    calibration_slope: float | None
    mean_ratio: float | None
    alarms: Mapping[str, Alarm]


def quality(labels: Labels, probabilities: Values, active: Mask) -> Quality:
    """Measure one predictor; `active` marks the tutors who taught within a week, of whom silence does not tell."""
    # Here, since whoever scores needs this module's types and not its measures.
    from sklearn.metrics import average_precision_score  # noqa: PLC0415

    base_rate = float(labels.mean())
    both = 0 < base_rate < 1
    loss = log_loss(labels, probabilities)
    return Quality(
        rows=len(labels),
        positives=int(labels.sum()),
        auc=auc(labels, probabilities),
        early_warning_auc=auc(labels[active], probabilities[active]),
        average_precision=float(average_precision_score(labels, probabilities)) if both else None,
        log_loss=loss,
        skill=1 - loss / log_loss(labels, np.full(len(labels), base_rate)) if both else None,
        brier=float(np.mean((probabilities - labels) ** 2)),
        calibration_error=calibration_error(labels, probabilities),
        calibration_slope=line(log_odds(probabilities), labels.astype(np.float64))[1] if both else None,
        mean_ratio=float(probabilities.mean()) / base_rate if base_rate else None,
        alarms=_alarms(labels, probabilities),
    )


def auc(labels: Labels, probabilities: Values) -> float | None:
    """Return the chance that one who left was ranked above one who stayed, ties counting half; None for one class."""
    if not 0 < labels.sum() < len(labels):
        return None
    return float(weighted_auc(labels, probabilities, np.ones((1, len(labels))))[0])


def weighted_auc(labels: Labels, probabilities: Values, weights: Values) -> Values:
    """Return one AUC for each row of weights; each must leave both classes some."""
    order = np.argsort(probabilities, kind="stable")
    # Rows of one probability are one step: half of their own pairs are won.
    steps = np.flatnonzero(np.diff(probabilities[order], prepend=np.nan) != 0)
    ranked, gone = weights[:, order], labels[order] == 1
    left = np.add.reduceat(ranked * gone, steps, axis=1)
    stayed = np.add.reduceat(ranked * ~gone, steps, axis=1)
    below = np.cumsum(stayed, axis=1) - stayed / 2
    won: Values = (left * below).sum(axis=1) / (left.sum(axis=1) * stayed.sum(axis=1))
    return won


def calibration_error(labels: Labels, probabilities: Values) -> float:
    """Return the mean distance between predicted and realised, over BINS bins of equal mass."""
    order = np.argsort(probabilities, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    gaps = [len(rows) * abs(float(probabilities[rows].mean() - labels[rows].mean())) for rows in bins]
    return sum(gaps) / len(labels)


def sampling_error(probabilities: Values, groups: Groups, seed: int, *, off_by: float = 0.0, draws: int = 200) -> float:
    """Return the calibration error that probabilities show once in 20 times though they are off by no more than this.

    The weeks of one tutor share one fate: labels that overlap are no more evidence than one of them.
    """
    generator = np.random.default_rng(seed)
    _, members = np.unique(groups, return_inverse=True)
    tutors = int(members.max()) + 1
    errors = []
    for _ in range(draws):
        fates = generator.random(tutors)[members]
        errors.append(calibration_error((fates < probabilities + off_by).astype(np.int8), probabilities))
    return float(np.quantile(errors, 0.95))


def _alarms(labels: Labels, probabilities: Values) -> dict[str, Alarm]:
    top = float(np.quantile(probabilities, 1 - TOP_SHARE))
    return {name: _alarm(labels, probabilities, cut) for name, cut in (CUTS | {"top_tenth": top}).items()}


def _alarm(labels: Labels, probabilities: Values, cut: float) -> Alarm:
    raised = probabilities > cut
    hits = int(labels[raised].sum())
    return Alarm(
        cut=cut,
        share=float(raised.mean()),
        precision=hits / int(raised.sum()) if raised.any() else None,
        recall=hits / int(labels.sum()) if labels.any() else None,
    )
