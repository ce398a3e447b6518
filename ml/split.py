"""The split of labelled snapshots by time: what is learnt from lies wholly before what validates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.labels import NOT_MATURE, SLACK, Instants, Labels

Mask = NDArray[np.bool_]

DAY = np.timedelta64(1, "D")
LEAST_VALIDATION = 28 * DAY
MOST_VALIDATION = 56 * DAY
STOPPING_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """One horizon's rows: `stopping` is the newest part of `fit`; what is in neither fit nor validation is purged."""

    fit: Mask
    stopping: Mask
    validation: Mask


def split(as_of: Instants, labels: Labels, *, horizon_days: int, test_share: float) -> Split:
    """Split one horizon's mature rows: the newest share of their time validates, between four and eight weeks of it.

    A row is learnt from only if its label was final when validation begins; the rows between are purged.
    """
    mature = labels != NOT_MATURE
    if not mature.any():
        return Split(*(np.zeros(len(as_of), dtype=np.bool_) for _ in range(3)))
    oldest, newest = as_of[mature].min(), as_of[mature].max()
    validation_from = newest - np.clip((newest - oldest) * test_share, LEAST_VALIDATION, MOST_VALIDATION)
    fit_until = validation_from - horizon_days * DAY - SLACK
    stopping_from = fit_until - (fit_until - oldest) * STOPPING_SHARE
    fit = mature & (as_of < fit_until)
    return Split(fit=fit, stopping=fit & (as_of >= stopping_from), validation=mature & (as_of >= validation_from))
