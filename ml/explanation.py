"""Why a tutor was scored so: exact contributions to the 30-day log-odds, by group and by feature, in plain words.

Contributions are TreeSHAP's (or the rule's own terms), so with the bias they sum to the margin. Features of one group
share credit for what they all see: groups are ranked first, and features within them. Nothing here claims a cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    groups = contributions[:, :-1] @ _MEMBERS
    return [_explained(*row) for row in zip(values, contributions, groups, strict=True)]


def _explained(values: Matrix, parts: Margins, groups: Margins) -> Explanation:
    phi = parts[:-1]
    row = dict(zip(NAMES, values.tolist(), strict=True))
    return Explanation(
        bias=float(parts[-1]),
        margin=float(parts.sum()),
        groups={GROUPS[i]: float(groups[i]) for i in np.argsort(-groups, kind="stable")},
        raising=[_factor(i, phi[i], row) for i in _chief(phi, groups, RAISING)],
        lowering=[_factor(i, phi[i], row) for i in _chief(-phi, -groups, LOWERING)],
    )


def _chief(phi: Margins, groups: Margins, most: int) -> list[int]:
    """Return the features that add most, those of the group that adds most first."""
    largest = [i for i in np.argsort(-phi, kind="stable")[:most].tolist() if phi[i] > 0]
    return sorted(largest, key=lambda i: (-groups[_GROUP_OF[i]], -phi[i]))


def _factor(index: int, phi: float, row: Mapping[str, float]) -> Factor:
    feature = FEATURES[index]
    value = row[feature.name]
    return Factor(
        feature=feature.name,
        group=feature.group,
        value=value if np.isfinite(value) else None,
        unit=feature.unit,
        phi=float(phi),
        odds_factor=float(np.exp(phi)),
        text=sentence(feature.name, row),
    )
