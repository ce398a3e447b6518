"""What a challenger's rows show at the gate, beside those of the champion."""

import numpy as np
import pytest

from ml import candidate
from ml.candidate import Candidate, Terms
from ml.contests import Champion
from ml.dataset import Dataset
from ml.features.build import FeatureMatrix, Spine
from ml.features.catalogue import NAMES
from tests.ml.invented import DAY, invent
from tests.ml.trained import small_model
from tutormax.populations import Population

LOGINS = NAMES.index("days_since_last_login")


def nothing(*_: object) -> None:
    """Take no notice."""


@pytest.mark.parametrize(
    ("weeks_ago", "newly_missing"),
    [(range(3, 30), 0), (range(1), 1)],
    ids=["a source that began lately", "a source that has just stopped"],
)
def test_the_newest_rows_are_asked_for_what_the_champions_newest_had(weeks_ago: range, newly_missing: float) -> None:
    world = invent(tutors=60, weeks=30)
    ages = (world.as_of.max() - world.as_of) // (7 * DAY)
    null_shares = np.isnan(world.values[ages == 0]).mean(axis=0)
    world.values[np.isin(ages, weeks_ago), LOGINS] = np.nan
    dataset = Dataset(FeatureMatrix(Spine(world.tutor_ids, world.as_of), world.values), world.labels)
    champion = Champion("synthetic/before", small_model(), {}, null_shares, world.as_of.max() - DAY)
    terms = Terms(Population.SYNTHETIC, world.as_of.max(), seed=7, threads=2, least_rows=100, test_share=0.2)

    made = candidate.make(dataset, champion, terms, nothing)

    assert isinstance(made, Candidate)
    [check] = [each for each in made.judgement.checks if each.name == "most of a feature newly missing"]
    assert check.value == newly_missing
