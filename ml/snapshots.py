"""When each tutor is looked at for training: every seven days, at an hour of the tutor's own."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ml.features.build import Spine
from ml.labels import Instants, Spells

# Nearer to each other they would add rows, and hardly any information.
SPACING_SECONDS = 7 * 86400

_SPACING = SPACING_SECONDS * 1_000_000


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Tutors who taught at instants of their spells, by instant and tutor; and when each of these spells ended."""

    spine: Spine
    churn_at: Instants


def snapshots(spells: Spells, *, after: Instants | np.datetime64, until: np.datetime64) -> Snapshots:
    """Return the instants at which tutors are looked at in (after, until], each within a spell.

    `after` is one instant, or one for each spell.
    """
    phases = np.array([phase_seconds(name) for name in spells.external_ids], dtype=np.int64) * 1_000_000
    begin = np.maximum(_number(spells.opened_at), _number(after) + 1)
    end = np.minimum(_number(spells.churn_at) - 1, _number(until))
    # Counted from 1970, so that tomorrow's training looks at the same instants and finds them computed.
    first = -((phases - begin) // _SPACING)
    counts = np.maximum((end - phases) // _SPACING - first + 1, 0)
    rows = np.repeat(np.arange(len(spells)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    as_of = ((first[rows] + within) * _SPACING + phases[rows]).astype("datetime64[us]")
    order = np.lexsort((spells.tutor_ids[rows], as_of))
    return Snapshots(Spine(spells.tutor_ids[rows][order], as_of[order]), spells.churn_at[rows][order])


@lru_cache(maxsize=65536)
def phase_seconds(external_id: str) -> int:
    """Return how far into its week a tutor is looked at: by the customer's own name, which no second import changes."""
    digest = hashlib.sha256(external_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % SPACING_SECONDS


def _number(instants: Instants | np.datetime64) -> NDArray[np.int64]:
    return np.asarray(instants, dtype="datetime64[us]").astype(np.int64)
