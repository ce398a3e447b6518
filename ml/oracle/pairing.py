"""The oracle's answers to what a model is asked: tutors of the database, as of midnights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from ml.features.build import Spine
from ml.oracle.filter import Evening, evenings
from ml.oracle.latent import churn_probabilities, known
from ml.projection import HORIZONS, Probabilities
from tutormax.errors import PermanentError
from tutormax.generation import instants, truth
from tutormax.generation.tutors import Tutors


class NotMidnightError(PermanentError):
    """The oracle was asked about an instant within a day; it knows whole days."""


class NoWorldError(PermanentError):
    """The oracle was asked about tutors whose truth is not known."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The chances of each row and horizon: by the true state, and by all that was seen."""

    latent: Probabilities
    filtered: Probabilities


def foreseen(
    connection: Connection, organization_id: int, spine: Spine, horizons: Sequence[int] = HORIZONS
) -> Foreseen:
    """Return what could be known of tutors of a synthetic organization, each within a spell at a midnight (UTC)."""
    if (spine.as_of.astype("datetime64[D]") != spine.as_of).any():
        raise NotMidnightError("the oracle knows whole days; ask as of midnights, UTC")
    written = truth.world_of(connection, organization_id)
    if written is None:
        raise NoWorldError(f"organization {organization_id} has no world")
    ordinals = _ordinals(connection, organization_id, spine)
    days = spine.as_of.astype("datetime64[D]").astype(np.int64)
    latent, filtered = np.empty((2, len(spine), len(horizons)))
    lived = evenings(written.parameters, written.seed, instants.day_number(written.first_day))
    for evening in _before(set(days.tolist()), lived):
        rows = np.flatnonzero(days == evening.day + 1)
        if not np.isin(ordinals[rows], evening.tutors.ordinal).all():
            raise NoWorldError(f"some tutors asked about had not joined, or had left, on {spine.as_of[rows[0]]}")
        places = np.searchsorted(evening.tutors.ordinal, ordinals[rows])
        tutors = evening.tutors.take(places)
        beliefs = np.concatenate([known(tutors), evening.beliefs[places]])
        both = Tutors.concatenated([tutors, tutors])
        said = churn_probabilities(written.parameters, both, beliefs, evening.day + 1, horizons)
        latent[rows], filtered[rows] = np.split(said, 2)
    return Foreseen(latent, filtered)


def _before(days: set[int], lived: Iterator[Evening]) -> Iterator[Evening]:
    last = max(days, default=None)
    while last is not None and (evening := next(lived)).day < last:
        if evening.day + 1 in days:
            yield evening


def _ordinals(connection: Connection, organization_id: int, spine: Spine) -> NDArray[np.int64]:
    columns = truth.tutors.c
    rows = connection.execute(
        select(columns.tutor_id, columns.ordinal).where(columns.organization_id == organization_id)
    ).all()
    ordinal_of = {row.tutor_id: row.ordinal for row in rows}
    if strangers := set(spine.tutor_ids.tolist()) - ordinal_of.keys():
        raise NoWorldError(f"tutors {sorted(strangers)[:5]} are not of organization {organization_id}'s world")
    return np.array([ordinal_of[tutor_id] for tutor_id in spine.tutor_ids.tolist()], np.int64)
