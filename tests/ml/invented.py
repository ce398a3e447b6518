"""A marketplace of numbers: features of invented tutors and whether they left, without a database."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.boosting import Examples
from ml.calibration import sigmoid
from ml.features.catalogue import NAMES
from ml.model import Matrix
from ml.projection import HORIZONS

FIRST = np.datetime64("2026-01-01T00:00:00", "us")
DAY = np.timedelta64(86_400_000_000, "us")
INTERCEPTS = {1: -3.0, 7: -2.2, 30: -1.0, 90: 0.0}


@dataclass(frozen=True, slots=True)
class Invented:
    """Rows of features, one a tutor and week, with the labels of every horizon and their true probabilities."""

    values: Matrix
    tutor_ids: NDArray[np.int64]
    as_of: NDArray[np.datetime64]
    labels: dict[int, NDArray[np.int8]]
    truth: dict[int, NDArray[np.float64]]

    def examples(self, horizon: int = 30) -> Examples:
        """Return the labelled rows of one horizon."""
        return Examples(NAMES, self.values, self.labels[horizon], self.tutor_ids)


def invent(tutors: int = 200, weeks: int = 12, seed: int = 0) -> Invented:
    """Return tutors whose sessions, bookings and logins tell how engaged they are, and who leave as they lose it."""
    generator = np.random.default_rng(seed)
    rows = tutors * weeks
    mood = (generator.normal(size=(tutors, 1)) + 0.5 * generator.normal(size=(tutors, weeks)).cumsum(axis=1)).ravel()
    pace = 15 * sigmoid(mood + 1)
    columns: dict[str, NDArray[Any]] = {name: generator.normal(size=rows) for name in NAMES}
    columns["sessions_7d"] = generator.poisson(pace)
    columns["sessions_14d"] = columns["sessions_7d"] + generator.poisson(pace)
    columns["sessions_30d"] = columns["sessions_14d"] + generator.poisson(2 * pace)
    columns["sessions_90d"] = columns["sessions_30d"] + generator.poisson(8 * pace)
    columns["days_since_last_session"] = generator.exponential(10 / (1 + pace))
    columns["upcoming_sessions_7d"] = generator.poisson(pace / 2)
    columns["logins_7d"] = generator.poisson(pace)
    columns["tenure_days"] = generator.uniform(1, 700, size=rows)
    columns["rating_avg_14d"] = np.where(generator.random(rows) < 0.3, np.nan, 4.5)
    truth = {horizon: sigmoid(INTERCEPTS[horizon] - 1.5 * mood) for horizon in HORIZONS}
    luck = generator.random(rows)
    return Invented(
        values=np.column_stack([columns[name] for name in NAMES]).astype(np.float32),
        tutor_ids=np.repeat(np.arange(1, tutors + 1), weeks),
        as_of=FIRST + np.tile(np.arange(weeks), tutors) * 7 * DAY,
        labels={horizon: (luck < truth[horizon]).astype(np.int8) for horizon in HORIZONS},
        truth=truth,
    )
