"""A contest: challenger, champion, rule and logistic regression on the same rows, none of which they had seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ml import baselines
from ml.boosting import Examples
from ml.bootstrap import Resampled, resample
from ml.drift import Reference
from ml.features.catalogue import NAMES
from ml.model import ChurnModel
from ml.projection import HORIZONS, Probabilities, project
from ml.rule import Rule
from ml.training import Lesson
from ml.validation import Mask, Quality, Values, quality

CHALLENGER = "challenger"
CHAMPION = "champion"
LOGISTIC_REGRESSION = "logistic_regression"
RULE = "rule"

LEAST_COMPARED = 30


@dataclass(frozen=True, slots=True)
class Champion:
    """The model to beat as it was validated: what it had not seen then, horizon by horizon, is fair to both."""

    model_id: str
    model: ChurnModel
    unseen_from: Mapping[int, np.datetime64]
    null_shares: Values
    as_of: np.datetime64
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class Contest:
    """One horizon's validation rows, and what each predictor said of them; `fair` are rows new to the champion too."""

    examples: Examples
    fair: Mask
    predictions: Mapping[str, Probabilities]
    _drawn: dict[tuple[str, bytes, int], Resampled] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def every(self) -> Mask:
        """All rows."""
        return np.ones(len(self.fair), dtype=np.bool_)

    def quality(self, predictor: str, rows: Mask) -> Quality:
        """Measure one predictor on some of the rows."""
        examples = self.examples.where(rows)
        taught = examples.values[:, NAMES.index("sessions_7d")] > 0
        return quality(examples.labels, self.predictions[predictor][rows], taught)

    def resampled(self, predictor: str, rows: Mask, seed: int) -> Resampled:
        """Measure one predictor again and again, on some of the rows."""
        # Once: gate, card and report ask for the same rounds.
        asked = (predictor, rows.tobytes(), seed)
        if asked not in self._drawn:
            examples = self.examples.where(rows)
            drawn = resample(examples.labels, self.predictions[predictor][rows], examples.groups, seed)
            self._drawn[asked] = drawn
        return self._drawn[asked]

    @property
    def comparable(self) -> bool:
        """Whether there is a champion, and enough rows new to both."""
        positives = int(self.examples.labels[self.fair].sum())
        return CHAMPION in self.predictions and LEAST_COMPARED <= positives < int(self.fair.sum())

    def qualities(self) -> dict[str, Quality]:
        """Measure every predictor, the champion on the rows that are fair to it."""
        found = {who: self.quality(who, self.every) for who in self.predictions if who != CHAMPION}
        return found | ({CHAMPION: self.quality(CHAMPION, self.fair)} if self.comparable else {})


def on_weeks(lesson: Lesson, horizon: int, challenger: ChurnModel, champion: Champion | None) -> Contest:
    """Return what every predictor says of weeks that it has not seen, as it would be stored."""
    unseen = lesson.examples.where(lesson.validation)
    predictions = {
        CHALLENGER: _said(challenger, unseen, horizon),
        RULE: _said(Rule(), unseen, horizon),
        LOGISTIC_REGRESSION: baselines.unseen_weeks(lesson.examples.where(lesson.fit), unseen.values),
    }
    fair = np.zeros(len(unseen.labels), dtype=np.bool_)
    if champion is not None and horizon in champion.unseen_from:
        predictions[CHAMPION] = _said(champion.model, unseen, horizon)
        fair = lesson.as_of[lesson.validation] >= champion.unseen_from[horizon]
    return Contest(unseen, fair, predictions)


def on_tutors(examples: Examples, horizon: int, challenger: Probabilities) -> Contest:
    """Return what every predictor says of tutors whom it has not seen, where there are no such weeks."""
    predictions = {
        CHALLENGER: challenger,
        RULE: _said(Rule(), examples, horizon),
        LOGISTIC_REGRESSION: baselines.unseen_tutors(examples),
    }
    return Contest(examples, np.zeros(len(examples.labels), dtype=np.bool_), predictions)


def _said(model: ChurnModel | Rule, examples: Examples, horizon: int) -> Probabilities:
    said: Probabilities = project(model.raw_probabilities(examples.values))[:, HORIZONS.index(horizon)]
    return said
