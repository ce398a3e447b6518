"""Platt's calibration: a straight line through the log-odds, so that reasons stay additive."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Margins = NDArray[np.float64]
Labels = NDArray[np.int8]

SLOPES = (0.5, 2.0)
LEAST_GAIN = 0.0002
CONVERGED = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated log-odds are `intercept + slope * margin`."""

    intercept: float = 0.0
    slope: float = 1.0

    def margins(self, raw: Margins) -> Margins:
        """Return calibrated log-odds."""
        return self.intercept + self.slope * raw

    def probabilities(self, raw: Margins) -> Margins:
        """Return calibrated probabilities."""
        return sigmoid(self.margins(raw))

    @classmethod
    def fitted(cls, raw: Margins, labels: Labels) -> Self:
        """Fit margins that no model had seen; change nothing unless that betters the log-loss by LEAST_GAIN."""
        targets = _softened(labels)
        candidate = cls(*line(raw, targets))
        slope = min(max(candidate.slope, SLOPES[0]), SLOPES[1])
        if slope != candidate.slope:
            candidate = cls(line(slope * raw, targets, free=1)[0], slope)
        gain = log_loss(labels, sigmoid(raw)) - log_loss(labels, candidate.probabilities(raw))
        return candidate if gain >= LEAST_GAIN else cls()


def sigmoid(margins: Margins) -> Margins:
    """Return probabilities for log-odds, without overflow at either end."""
    return np.exp(-np.logaddexp(0, -np.asarray(margins, dtype=np.float64)))


def log_odds(probabilities: Margins) -> Margins:
    """Return log-odds; certainty counts as one in a billion short of it."""
    inside = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return np.log(inside / (1 - inside))


def log_loss(labels: Labels, probabilities: Margins) -> float:
    """Return the mean negative log-likelihood."""
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.maximum(right, 1e-9)).mean())


def _softened(labels: Labels) -> Margins:
    # Platt's targets: without them, labels that the margins separate would ask for an infinite slope.
    positives = float(labels.sum())
    negatives = len(labels) - positives
    return np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def line(raw: Margins, targets: Margins, weights: Margins | None = None, *, free: int = 2) -> tuple[float, float]:
    """Return the intercept and slope of greatest likelihood (Newton's method), or with `free=1` the intercept alone."""
    design = np.column_stack([np.ones_like(raw), raw])
    weighted = design if weights is None else design * weights[:, None]
    found = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = sigmoid(design @ found)
        gradient = weighted.T @ (fitted - targets)
        curvature = weighted.T @ (design * (fitted * (1 - fitted))[:, None]) + 1e-9 * np.eye(2)
        step = np.zeros(2)
        step[:free] = np.linalg.solve(curvature[:free, :free], gradient[:free])
        found -= np.clip(step, -1, 1)
        if np.abs(step).max() < CONVERGED:
            break
    return float(found[0]), float(found[1])
