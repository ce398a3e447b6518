"""Why a tutor was scored so: exact contributions to the 30-day log-odds, by group and by feature, in plain words.

Contributions are TreeSHAP's (or the rule's own terms), so with the bias they sum to the margin. Features of one group
share credit for what they all see: groups are ranked first, and features within them. Nothing here claims a cause.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite

import numpy as np

from ml.calibration import Margins
from ml.features.catalogue import FEATURES, NAMES, Group
from ml.model import Matrix
from ml.sentences import sentence

RAISING = 5
LOWERING = 3

GROUPS = tuple(Group)
_MEMBERS = np.array([[feature.group is group for group in GROUPS] for feature in FEATURES], dtype=np.float64)
_GROUP_OF = np.array([GROUPS.index(feature.group) for feature in FEATURES])


@dataclass(frozen=True, slots=True)
class Factor:
    """One feature's part in a score; value is None where it has none, odds_factor is e to the phi."""

    feature: str
    group: Group
    value: float | None
    unit: str
    phi: float
    odds_factor: float
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What made one 30-day probability: bias and groups sum to the margin, its log-odds."""

    bias: float
    margin: float
    groups: Mapping[str, float]
    raising: Sequence[Factor]
    lowering: Sequence[Factor]


def explain(values: Matrix, contributions: Margins) -> list[Explanation]:
    """Explain each row of features from its contributions, the bias last."""
    phi = contributions[:, :-1]
    groups = phi @ _MEMBERS
    ranked = np.argsort(-groups, axis=1, kind="stable")
    # All rows at once wherever numpy can: what is done row by row takes as long as all else together.
    rows = zip(
        contributions[:, -1].tolist(),
        contributions.sum(axis=1).tolist(),
        ranked.tolist(),
        np.take_along_axis(groups, ranked, axis=1).tolist(),
        _chief(phi, groups, RAISING),
        _chief(-phi, -groups, LOWERING),
        _namers(values, phi),
        strict=True,
    )
    return [
        Explanation(
            bias=bias,
            margin=margin,
            groups={GROUPS[i]: total for i, total in zip(order, totals, strict=True)},
            raising=[factor(i) for i in raising],
            lowering=[factor(i) for i in lowering],
        )
        for bias, margin, order, totals, raising, lowering, factor in rows
    ]


def _namers(values: Matrix, phi: Margins) -> Iterator[Callable[[int], Factor]]:
    """Yield of each row what makes a factor of the feature at a place."""
    for row, parts, odds in zip(values.tolist(), phi.tolist(), np.exp(phi).tolist(), strict=True):
        yield partial(_factor, dict(zip(NAMES, row, strict=True)), parts, odds)


def _chief(phi: Margins, groups: Margins, most: int) -> list[list[int]]:
    """Return of each row the features that add most, those of the group that adds most first."""
    largest = np.argsort(-phi, axis=1, kind="stable")[:, :most]
    added = np.take_along_axis(phi, largest, axis=1)
    of_group = np.take_along_axis(groups, _GROUP_OF[largest], axis=1)
    order = np.lexsort((-added, -of_group, added <= 0), axis=1)
    chosen = np.take_along_axis(largest, order, axis=1).tolist()
    return [row[:count] for row, count in zip(chosen, (added > 0).sum(axis=1).tolist(), strict=True)]


def _factor(row: Mapping[str, float], phi: Sequence[float], odds: Sequence[float], place: int) -> Factor:
    feature = FEATURES[place]
    value = row[feature.name]
    return Factor(
        feature=feature.name,
        group=feature.group,
        value=value if isfinite(value) else None,
        unit=feature.unit,
        phi=phi[place],
        odds_factor=odds[place],
        text=sentence(feature.name, row),
    )
