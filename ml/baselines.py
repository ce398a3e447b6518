"""The simple challenger that every model is held against: logistic regression on the same features."""

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml.boosting import FOLDS, Examples
from ml.model import Matrix
from ml.projection import Probabilities


def unseen_weeks(seen: Examples, values: Matrix) -> Probabilities:
    """Return the probability of churn for each row by a regression that was learnt from others.

    Features are standardised; an unknown value is the median, and said to be unknown.
    """
    steps: tuple[Any, ...] = (
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=1000),
    )
    model = make_pipeline(*steps).fit(seen.values, seen.labels)
    return np.asarray(model.predict_proba(values)[:, 1], dtype=np.float64)


def unseen_tutors(examples: Examples) -> Probabilities:
    """Return each row's probability by a regression that was learnt from other tutors only."""
    probabilities = np.empty(len(examples.labels), dtype=np.float64)
    for rest, fold in GroupKFold(FOLDS).split(examples.values, groups=examples.groups):
        probabilities[fold] = unseen_weeks(examples.where(rest), examples.values[fold])
    return probabilities
