"""The simple challenger that every model is held against: logistic regression on the same features."""

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ml.boosting import Examples
from ml.model import Matrix
from ml.projection import Probabilities


def logistic_regression(examples: Examples) -> Pipeline:
    """Return a logistic regression on standardised features; an unknown value is the median, and said to be unknown."""
    steps: tuple[Any, ...] = (
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=1000),
    )
    return make_pipeline(*steps).fit(examples.values, examples.labels)


def probabilities(model: Pipeline, values: Matrix) -> Probabilities:
    """Return the probability of churn for each row."""
    return np.asarray(model.predict_proba(values)[:, 1], dtype=np.float64)
