"""Who left and when, computed from rows: spells of teaching, and whether one ended within a horizon."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from ml.features.build import SQL, microseconds
from tutormax import queries
from tutormax.populations import Population

Instants = NDArray[np.datetime64]
Labels = NDArray[np.int8]

# How late a session may be reported and still undo a churn: no label is final before.
SLACK = np.timedelta64(2, "D")

CHURNED, STAYED, NOT_MATURE = 1, 0, -1


@dataclass(frozen=True, slots=True)
class Spells:
    """From when on each tutor taught and was known, and when each left; of who has not, the earliest it could be."""

    tutor_ids: NDArray[np.int64]
    external_ids: tuple[str, ...]
    opened_at: Instants
    churn_at: Instants

    def __len__(self) -> int:
        return len(self.tutor_ids)


def spells(connection: Connection, population: Population, *, known_at: datetime, since: datetime) -> Spells:
    """Return every spell of a population that lasted beyond `since`, by what was known at one instant."""
    rows = connection.execute(
        queries.load("churn_spells", SQL),
        {"synthetic": population.synthetic, "known_at": known_at, "since": since},
    ).all()
    numbers = np.array([(row.tutor_id, row.opened_us, row.churn_us) for row in rows], dtype=np.int64).reshape(-1, 3)
    return Spells(
        tutor_ids=numbers[:, 0],
        external_ids=tuple(row.external_id for row in rows),
        opened_at=numbers[:, 1].astype("datetime64[us]"),
        churn_at=numbers[:, 2].astype("datetime64[us]"),
    )


def churn_labels(as_of: Instants, churn_at: Instants, *, horizon_days: int, known_at: datetime) -> Labels:
    """Tell of each instant whether its spell ended in (as_of, as_of + horizon]; -1 where it is too early to tell."""
    horizon = np.timedelta64(horizon_days, "D")
    labels = np.where((as_of < churn_at) & (churn_at <= as_of + horizon), CHURNED, STAYED)
    # Also of those who have left already: early churners without early stayers would inflate the rate.
    return np.where(mature(as_of, horizon_days=horizon_days, known_at=known_at), labels, NOT_MATURE).astype(np.int8)


def mature(as_of: Instants, *, horizon_days: int, known_at: datetime) -> NDArray[np.bool_]:
    """Tell of which instants the horizon has passed, and with it the time in which it may still be corrected."""
    return as_of <= newest_mature(horizon_days, known_at)


def newest_mature(horizon_days: int, known_at: datetime) -> np.datetime64:
    """Return the newest instant whose label is final."""
    return microseconds(known_at) - np.timedelta64(horizon_days, "D") - SLACK
