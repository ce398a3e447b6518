"""Drift: how far what is scored now has moved from what a model was validated on.

The population stability index compares shares of bins. The bins are tenths of the reference, and a missing value is
a bin of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.artefact import Artefact
from ml.features.catalogue import NAMES
from ml.model import Matrix
from ml.projection import Probabilities
from ml.validation import Values

FILE = "drift_reference.json"
SCORE = "score"
SUBJECTS = (SCORE, *NAMES)

BINS = 10
MOVED = 0.1
MOVED_FAR = 0.25

# A bin without a row counts as half of one: its share is small, and not known to be nothing.
EMPTY = 0.5


@dataclass(frozen=True, slots=True)
class Bins:
    """The inner edges of a subject's bins, and the reference rows in each; the last count is of missing values."""

    edges: Sequence[float]
    counts: Sequence[int]


Reference = Mapping[str, Bins]


def reference(values: Matrix, scores: Probabilities) -> dict[str, Bins]:
    """Return the bins of every feature and of the score."""
    return {name: _bins(column) for name, column in _columns(values, scores).items()}


def indices(against: Reference, values: Matrix, scores: Probabilities) -> dict[str, float]:
    """Return the population stability index of the score and of every feature that the reference knows."""
    columns = _columns(values, scores)
    return {name: _index(against[name], columns[name]) for name in SUBJECTS if name in against}


def of_artefact(artefact: Artefact) -> Reference | None:
    """Return the reference of a published model; None of one that was made before there were any."""
    if FILE not in artefact.files:
        return None
    found: Any = artefact.json(FILE)
    return {name: Bins(bins["edges"], bins["counts"]) for name, bins in found.items()}


def _columns(values: Matrix, scores: Probabilities) -> dict[str, Values]:
    return {SCORE: scores, **{name: values[:, i].astype(np.float64) for i, name in enumerate(NAMES)}}


def _bins(column: Values) -> Bins:
    known = column[np.isfinite(column)]
    # Where many rows share a value, tenths fall together: there are fewer bins.
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.zeros(0)
    return Bins(edges.tolist(), _counts(column, edges))


def _counts(column: Values, edges: Values) -> list[int]:
    known = column[np.isfinite(column)]
    bins = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
    return [*bins.tolist(), len(column) - len(known)]


def _index(bins: Bins, column: Values) -> float:
    expected = _shares(bins.counts)
    found = _shares(_counts(column, np.asarray(bins.edges)))
    return float(np.sum((found - expected) * np.log(found / expected)))


def _shares(counts: Sequence[int]) -> Values:
    smoothed = np.maximum(np.asarray(counts, dtype=np.float64), EMPTY)
    shares: Values = smoothed / smoothed.sum()
    return shares
