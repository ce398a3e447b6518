"""A leak made on purpose: the archetype, which no row of the product has, in the place of a feature."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from ml.features.build import FeatureMatrix
from ml.features.catalogue import NAMES
from tutormax.generation import instants, truth
from tutormax.generation.process import LEVELS

# Of the features, one whose loss costs nothing: others say as much.
TAKEN = "is_new_tutor"


def with_archetype(connection: Connection, organization_id: int, features: FeatureMatrix) -> FeatureMatrix:
    """Return features, one of which is the regime that each tutor truly was in on the evening before."""
    values = features.values.copy()
    values[:, NAMES.index(TAKEN)] = _states(connection, organization_id, features) // LEVELS
    return FeatureMatrix(features.spine, values)


def _states(connection: Connection, organization_id: int, features: FeatureMatrix) -> NDArray[np.int64]:
    known = truth.tutors.c
    pairs = select(known.tutor_id, known.ordinal).where(known.organization_id == organization_id)
    ordinal_of = {row.tutor_id: row.ordinal for row in connection.execute(pairs)}
    ordinals = np.array([ordinal_of[tutor] for tutor in features.spine.tutor_ids.tolist()])
    eves = features.spine.as_of.astype("datetime64[D]").astype(np.int64) - 1
    evenings = truth.evenings.c
    written = select(evenings.day, evenings.ordinals, evenings.states).where(
        evenings.organization_id == organization_id
    )
    states = np.full(len(ordinals), -1)
    for row in connection.execute(written):
        which = np.flatnonzero(eves == instants.day_number(row.day))
        there, found = np.frombuffer(row.ordinals, "<i4"), np.frombuffer(row.states, np.uint8)
        # Who joined on the day itself was nowhere the evening before.
        which = which[np.isin(ordinals[which], there)]
        states[which] = found[np.searchsorted(there, ordinals[which])]
    return states
