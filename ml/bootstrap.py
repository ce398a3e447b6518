"""How sure a record is: tutors are drawn again with all their rows, since the weeks of one tutor are alike."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from ml.calibration import CONVERGED, Labels, log_odds
from ml.validation import Groups, Values, weighted_auc

ROUNDS = 200
AT_ONCE = 100_000
# Rows of all rounds that are held: of 150,000 tutors all rounds together would be ten gigabytes.
MOST_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Resampled:
    """One predictor's record in every round; two predictors of the same rows and seed are paired round by round."""

    auc: Values
    log_loss: Values
    skill: Values
    calibration_slope: Values
    mean_ratio: Values


FIELDS = fields(Resampled)


def resample(labels: Labels, probabilities: Values, groups: Groups, seed: int) -> Resampled:
    """Measure a predictor on ROUNDS samples of tutors, drawn with replacement, some rounds at a time."""
    pieces = [_measured(labels, probabilities, weights) for weights in _weights(labels, groups, seed)]
    return Resampled(**{each.name: np.concatenate([getattr(some, each.name) for some in pieces]) for each in FIELDS})


def _measured(labels: Labels, probabilities: Values, weights: Values) -> Resampled:
    rows = weights.sum(axis=1)
    base_rate = (weights @ labels) / rows
    loss = -weights @ np.log(np.maximum(np.where(labels == 1, probabilities, 1 - probabilities), 1e-9)) / rows
    entropy = -(base_rate * np.log(base_rate) + (1 - base_rate) * np.log(1 - base_rate))
    odds, targets = log_odds(probabilities), labels.astype(np.float64)
    return Resampled(
        auc=weighted_auc(labels, probabilities, weights),
        log_loss=loss,
        skill=1 - loss / entropy,
        calibration_slope=np.concatenate([slopes(odds, targets, some) for some in _near(weights)]),
        mean_ratio=(weights @ probabilities) / rows / base_rate,
    )


def slopes(odds: Values, targets: Values, weights: Values) -> Values:
    """Return the slope of `calibration.line` for each row of weights, all found at once."""
    intercept, slope = np.zeros(len(weights)), np.ones(len(weights))
    squares = odds**2
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-(intercept[:, None] + np.outer(slope, odds))))
        missed = weights * (fitted - targets)
        spread = weights * (fitted * (1 - fitted))
        level, slant = missed.sum(axis=1), missed @ odds
        # The curvature in both directions, and across them.
        first, second, across = spread.sum(axis=1) + 1e-9, spread @ squares + 1e-9, spread @ odds
        step = np.stack([second * level - across * slant, first * slant - across * level])
        step /= first * second - across**2
        intercept -= np.clip(step[0], -1, 1)
        slope -= np.clip(step[1], -1, 1)
        if np.abs(step).max() < CONVERGED:
            break
    return slope


def _near(weights: Values) -> Iterator[Values]:
    # As many rounds at once as stay near the processor.
    rounds = max(1, AT_ONCE // weights.shape[1])
    return (weights[start : start + rounds] for start in range(0, len(weights), rounds))


def interval(values: Values) -> tuple[float, float]:
    """Return the range that holds 95 % of the rounds."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _weights(labels: Labels, groups: Groups, seed: int) -> Iterator[Values]:
    """Yield how often each row counts in some rounds at a time, as many as fit in a few dozen megabytes."""
    generator = np.random.default_rng(seed)
    _, members = np.unique(groups, return_inverse=True)
    tutors = int(members.max()) + 1
    at_once = max(1, MOST_AT_ONCE // len(labels))
    for start in range(0, ROUNDS, at_once):
        rounds = min(at_once, ROUNDS - start)
        drawn = generator.multinomial(tutors, np.full(tutors, 1 / tutors), size=rounds)[:, members].astype(np.float64)
        # A round in which only one class was drawn can rank nothing: it counts every row once.
        one_class = ((drawn @ (labels == 1)) == 0) | ((drawn @ (labels == 0)) == 0)
        drawn[one_class] = 1.0
        yield drawn
