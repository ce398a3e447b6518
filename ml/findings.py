"""What a training found out about its model, as its card and its report show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml import drift
from ml.bootstrap import interval
from ml.calibration import Margins
from ml.contests import CHALLENGER, Champion, Contest
from ml.explanation import GROUPS
from ml.features.catalogue import FEATURES
from ml.gate import Judgement
from ml.model import ChurnModel, Matrix
from ml.projection import ANCHOR
from ml.slices import Slice, slices
from ml.validation import Quality
from tutormax.populations import Population

# As many rows as a picture of single tutors can show.
MOST_SHOWN = 1500

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Explained:
    """Rows, and what each feature adds to the 30-day log-odds of each."""

    rows: Matrix
    contributions: Margins


@dataclass(frozen=True, slots=True)
class Ranges:
    """Within what a horizon's record would fall 19 times in 20, had other tutors been there."""

    auc: Range
    skill: Range
    mean_ratio: Range


@dataclass(frozen=True, slots=True)
class Findings:
    """One model's record on rows that it had not seen, and what it makes of the newest rows."""

    population: Population
    as_of: np.datetime64
    period: tuple[np.datetime64, np.datetime64]
    rows: int
    tutors: int
    judgement: Judgement
    contests: Mapping[int, Contest]
    records: Mapping[int, Quality]
    ranges: Mapping[int, Ranges]
    validated_on: Mapping[int, str]
    skipped: Mapping[int, str]
    slices: Sequence[Slice]
    newest: Matrix
    contributions: Margins
    champion: str | None
    moved: Mapping[str, float] | None
    facts: Mapping[str, object]

    def groups(self) -> dict[str, float]:
        """Return how much each group of features moves the log-odds of a tutor on average, most first."""
        members = np.array([[feature.group is group for group in GROUPS] for feature in FEATURES], dtype=np.float64)
        means = np.abs(self.contributions[:, :-1] @ members).mean(axis=0)
        return {GROUPS[i]: float(means[i]) for i in np.argsort(-means, kind="stable")}


def ranges(contest: Contest, seed: int) -> Ranges:
    """Return the intervals of one horizon's record."""
    drawn = contest.resampled(CHALLENGER, contest.every, seed)
    return Ranges(interval(drawn.auc), interval(drawn.skill), interval(drawn.mean_ratio))


def explained(newest: Matrix, served: ChurnModel, seed: int) -> Explained:
    """Return the newest rows, of many some, with what moves the score of each."""
    chosen = np.random.default_rng(seed).permutation(len(newest))[:MOST_SHOWN]
    some = newest[np.sort(chosen)]
    return Explained(some, served.contributions(some))


def of_slices(contest: Contest) -> list[Slice]:
    """Return the record of each part of the tutors."""
    return slices(contest.examples.values, contest.examples.labels, contest.predictions[CHALLENGER])


def moved(contests: Mapping[int, Contest], champion: Champion | None) -> dict[str, float] | None:
    """Return how far features and score have moved from what the champion was validated on."""
    if champion is None or champion.reference is None:
        return None
    anchor = contests[ANCHOR]
    return drift.indices(champion.reference, anchor.examples.values, anchor.predictions[CHALLENGER])
