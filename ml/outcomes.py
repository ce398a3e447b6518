"""What became of predictions: outcomes once they are certain, and how right each week's predictions were.

This alone sees that tutors leave for other reasons than before, when they behave as before: neither features nor scores
move then, but more leave than was said.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, insert

from ml import rule
from ml.calibration import Labels, log_loss
from ml.labels import newest_mature, spells
from ml.projection import ANCHOR, HORIZONS
from ml.validation import Values, auc, calibration_error
from tutormax import queries
from tutormax.populations import Population
from tutormax.tables import prediction_cohorts

SQL = Path(__file__).parent / "sql"

# Longer than any label takes, by the nights on which nobody looked and by what may still be corrected.
LOOKED_BACK = timedelta(days=120)
WEEK = timedelta(days=7)

# What told simulated marketplaces in which tutors began to leave for other reasons from those in which they did not.
BAND = (0.85, 1.2)
# Of fewer, chance alone would often lead out of the band.
LEAST_EXPECTED = 50

ALL_MODELS = "model"


@dataclass(frozen=True, slots=True)
class Cohort:
    """How right the predictions of one week were on one horizon; complete once no label is missing.

    The scorer is the rule, all models of a population together (model), or one of them by its name.
    """

    population: str
    scorer: str
    week: datetime
    horizon_days: int
    tutors: int
    expected: float
    actual: float
    auc: float | None
    log_loss: float
    calibration_error: float
    complete: bool

    @property
    def off(self) -> bool:
        """Whether more or fewer left than chance and the band allow."""
        low, high = BAND
        return self.tutors * self.expected >= LEAST_EXPECTED and not low <= self.actual / self.expected <= high


def realise(connection: Connection, known_at: datetime) -> int:
    """Write beside each prediction what came of it, by what was known at an instant; return how many changed."""
    since = known_at - LOOKED_BACK
    changed = 0
    for population in Population:
        told = spells(connection, population, known_at=known_at, since=since)
        facts = {
            "tutor_ids": told.tutor_ids.tolist(),
            "opened": [f"{instant}Z" for instant in told.opened_at],
            "churned": [f"{instant}Z" for instant in told.churn_at],
            "since": since,
            **{f"mature_{horizon}": f"{newest_mature(horizon, known_at)}Z" for horizon in HORIZONS},
        }
        changed += connection.execute(queries.load("realise_outcomes", SQL), facts).rowcount
    return changed


def keep_cohorts(connection: Connection, known_at: datetime) -> list[Cohort]:
    """Measure each week whose outcomes may have changed, replacing what was measured before."""
    # Whole weeks: half of one would replace what was measured of all of it.
    since = known_at - LOOKED_BACK + WEEK
    cohorts = _cohorts(connection, since, known_at)
    first = min((cohort.week for cohort in cohorts), default=known_at)
    connection.execute(delete(prediction_cohorts).where(prediction_cohorts.c.week >= first))
    if cohorts:
        rows = [asdict(cohort) | {"measured_at": known_at} for cohort in cohorts]
        connection.execute(insert(prediction_cohorts), rows)
    return cohorts


def alarming(cohorts: Sequence[Cohort]) -> list[str]:
    """Return whose 30-day probabilities were off in two consecutive complete weeks, the newest there are."""
    # A version serves for a night or a week: what lasts is told of all of them together.
    lasting = [cohort for cohort in cohorts if cohort.scorer in {ALL_MODELS, rule.NAME}]
    judged = [cohort for cohort in lasting if cohort.horizon_days == ANCHOR and cohort.complete]
    judged.sort(key=lambda cohort: (cohort.population, cohort.scorer, cohort.week))
    found = []
    for (population, scorer), weeks in groupby(judged, key=lambda cohort: (cohort.population, cohort.scorer)):
        last = list(pairwise(weeks))[-1:]
        if any(after.week - before.week == WEEK and before.off and after.off for before, after in last):
            found.append(f"{scorer} of the {population} population")
    return found


def _cohorts(connection: Connection, since: datetime, known_at: datetime) -> list[Cohort]:
    rows = connection.execute(queries.load("cohort_predictions", SQL), {"since": _monday(since)}).all()
    rows = sorted(rows, key=lambda row: (row.population, row.scorer, row.week))
    cohorts = []
    for (population, scorer, week), members in groupby(rows, key=lambda row: (row.population, row.scorer, row.week)):
        together = list(members)
        for horizon in HORIZONS:
            pairs = [
                (said, came)
                for row in together
                if (said := getattr(row, f"p{horizon}")) is not None
                and (came := getattr(row, f"outcome_{horizon}")) is not None
            ]
            if pairs:
                complete = np.datetime64((week + WEEK).replace(tzinfo=None), "us") <= newest_mature(horizon, known_at)
                measured = _measured(*(np.array(column) for column in zip(*pairs, strict=True)))
                cohorts.append(Cohort(population, scorer, week, horizon, *measured, complete=bool(complete)))
    return cohorts


def _measured(said: Values, came: Labels) -> tuple[int, float, float, float | None, float, float]:
    labels = came.astype(np.int8)
    return (
        len(labels),
        float(said.mean()),
        float(labels.mean()),
        auc(labels, said),
        log_loss(labels, said),
        calibration_error(labels, said),
    )


def _monday(instant: datetime) -> datetime:
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())
