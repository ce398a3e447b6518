"""The oracle's answers to what a model is asked: tutors of the database, as of midnights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from ml.features.build import Spine
from ml.oracle.filter import Evening, evenings
from ml.oracle.latent import churn_probabilities, known
from ml.projection import HORIZONS, Probabilities
from tutormax.errors import PermanentError
from tutormax.generation import instants, truth
from tutormax.generation.process import Floats
from tutormax.generation.truth import Written
from tutormax.generation.tutors import Tutors

Look = tuple[NDArray[np.intp], Tutors, Floats, int]
"""Some rows of a spine, their tutors on the evening before, what is believed of each, and the day that begins."""


class NotMidnightError(PermanentError):
    """The oracle was asked about an instant within a day; it knows whole days."""


class NoWorldError(PermanentError):
    """The oracle was asked about tutors or a time whose truth is not known."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The chances of each row and horizon: by the true state, and by all that was seen."""

    latent: Probabilities
    filtered: Probabilities


def foreseen(
    connection: Connection, organization_id: int, spine: Spine, horizons: Sequence[int] = HORIZONS
) -> Foreseen:
    """Return what could be known of tutors of a synthetic organization, each within a spell at a midnight (UTC)."""
    written = _world_of(connection, organization_id)
    latent, seen = np.empty((2, len(spine), len(horizons)))
    for rows, tutors, believed, day in _looks(connection, organization_id, written, spine):
        beliefs = np.concatenate([known(tutors), believed])
        both = Tutors.concatenated([tutors, tutors])
        said = churn_probabilities(written.parameters, both, beliefs, day, horizons)
        latent[rows], seen[rows] = np.split(said, 2)
    return Foreseen(latent, seen)


def filtered(connection: Connection, organization_id: int, spine: Spine, horizon: int) -> Probabilities:
    """Return the chances of one horizon by all that was seen, as `foreseen` does."""
    written = _world_of(connection, organization_id)
    seen = np.empty(len(spine))
    for rows, tutors, believed, day in _looks(connection, organization_id, written, spine):
        seen[rows] = churn_probabilities(written.parameters, tutors, believed, day, (horizon,))[:, 0]
    return seen


def _world_of(connection: Connection, organization_id: int) -> Written:
    written = truth.world_of(connection, organization_id)
    if written is None:
        raise NoWorldError(f"organization {organization_id} has no world")
    return written


def _looks(connection: Connection, organization_id: int, written: Written, spine: Spine) -> Iterator[Look]:
    if (spine.as_of.astype("datetime64[D]") != spine.as_of).any():
        raise NotMidnightError("the oracle knows whole days; ask as of midnights, UTC")
    # A long history is lived for minutes between two statements.
    connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
    ordinals = _ordinals(connection, organization_id, spine)
    days = spine.as_of.astype("datetime64[D]").astype(np.int64)
    lived = evenings(written.parameters, written.seed, instants.day_number(written.first_day))
    for evening in _before(set(days.tolist()), lived):
        _require_as_written(connection, organization_id, evening)
        rows = np.flatnonzero(days == evening.day + 1)
        if not np.isin(ordinals[rows], evening.tutors.ordinal).all():
            raise NoWorldError(f"some tutors asked about had not joined, or had left, on {spine.as_of[rows[0]]}")
        places = np.searchsorted(evening.tutors.ordinal, ordinals[rows])
        yield rows, evening.tutors.take(places), evening.beliefs[places], evening.day + 1


def _require_as_written(connection: Connection, organization_id: int, evening: Evening) -> None:
    """Raise NoWorldError if the world went another way than it is lived again: a tutor was erased, or code changed."""
    written = truth.evening_of(connection, organization_id, evening.day)
    again = (evening.tutors.ordinal, evening.tutors.state)
    if written is not None and not all(map(np.array_equal, written, again)):
        day = instants.as_date(evening.day)
        raise NoWorldError(f"lived again, the world of organization {organization_id} is another on {day}")


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
