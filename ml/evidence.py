"""What a challenger has to show at the gate, gathered under the names of the gate's rules."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from ml.bootstrap import interval, resample
from ml.calibration import Labels, Margins
from ml.contests import CHALLENGER, CHAMPION, LOGISTIC_REGRESSION, Champion, Contest
from ml.features.catalogue import NAMES
from ml.gate import MOST_CALIBRATION_ERROR, Measured
from ml.model import ChurnModel, Matrix
from ml.projection import ANCHOR, HORIZONS
from ml.training import Lesson
from ml.validation import Groups, Values, auc, sampling_error

WORSE = 0.002
DECLINING_TUTORS = 20
ADDED_UP = 500

# What a tutor's features become who teaches less and less: times this, plus that.
DECLINE = {
    "sessions_7d": (0, 0),
    "sessions_14d": (1 / 3, 0),
    "sessions_30d": (1 / 2, 0),
    "sessions_trend_7_30": (0, 0),
    "sessions_trend_30_90": (1 / 2, 0),
    "activity_vs_baseline_14d": (1 / 3, 0),
    "days_since_last_session": (1, 7),
    "active_days_14d": (1 / 3, 0),
    "upcoming_sessions_7d": (0, 0),
    "upcoming_vs_usual": (0, 0),
}


def of_validation(contest: Contest, seed: int) -> dict[str, Measured]:
    """Return what the 30-day contest says of the challenger alone and beside logistic regression."""
    record = contest.quality(CHALLENGER, contest.every)
    simple_record = contest.quality(LOGISTIC_REGRESSION, contest.every)
    drawn = contest.resampled(CHALLENGER, contest.every, seed)
    simple = contest.resampled(LOGISTIC_REGRESSION, contest.every, seed)
    chance = sampling_error(
        contest.predictions[CHALLENGER], contest.examples.groups, seed, off_by=MOST_CALIBRATION_ERROR
    )
    return {
        "30-day AUC": Measured(_known(record.auc)),
        "30-day AUC, synthetic": Measured(_known(record.auc), *interval(drawn.auc)),
        "30-day AUC, ceiling": Measured(_known(record.auc), *interval(drawn.auc)),
        "30-day skill": Measured(_known(record.skill), *interval(drawn.skill)),
        "30-day AUC over logistic regression": Measured(
            _known(record.auc) - _known(simple_record.auc), *interval(drawn.auc - simple.auc)
        ),
        "30-day log-loss over logistic regression": Measured(
            record.log_loss - simple_record.log_loss, *interval(drawn.log_loss - simple.log_loss)
        ),
        # Few rows show an error of their own: within what that can be, nothing is held against the probabilities.
        "30-day calibration error": Measured(
            record.calibration_error, low=0.0 if record.calibration_error <= chance else None
        ),
        "30-day calibration slope": Measured(_known(record.calibration_slope), *interval(drawn.calibration_slope)),
        "30-day mean over base rate": Measured(_known(record.mean_ratio), *interval(drawn.mean_ratio)),
    }


def of_oracle(labels: Labels, said: Values, best: Values, groups: Groups, seed: int) -> dict[str, Measured]:
    """Return how much of the AUC that the filter oracle has beyond luck a model has, on the same synthetic rows."""
    model, oracle = (auc(labels, each) for each in (said, best))
    drawn, bar = (resample(labels, each, groups, seed).auc for each in (said, best))
    fraction = (_known(model) - 0.5) / (_known(oracle) - 0.5)
    return {"30-day AUC, fraction of the oracle's": Measured(fraction, *interval((drawn - 0.5) / (bar - 0.5)))}


def of_comparison(held: Mapping[int, Contest], seed: int) -> dict[str, Measured]:
    """Return how far the challenger is from the champion, on rows new to both; nothing where there are too few."""
    evidence: dict[str, Measured] = {}
    for horizon, contest in held.items():
        if contest.comparable:
            ours, theirs = (contest.quality(who, contest.fair) for who in (CHALLENGER, CHAMPION))
            evidence[f"{horizon}-day log-loss over the champion"] = Measured(ours.log_loss - theirs.log_loss)
            evidence[f"{horizon}-day AUC over the champion"] = Measured(_known(ours.auc) - _known(theirs.auc))
    if held[ANCHOR].comparable:
        new, old = (held[ANCHOR].resampled(who, held[ANCHOR].fair, seed) for who in (CHALLENGER, CHAMPION))
        worse = float(np.mean(new.log_loss - old.log_loss > WORSE))
        evidence["chance that it is worse by 0.002"] = Measured(worse)
    return evidence


def of_age(as_of: np.datetime64, champion: Champion | None) -> dict[str, Measured]:
    """Return how much newer the data are than the champion's."""
    if champion is None:
        return {}
    return {"days newer than the champion": Measured(float((as_of - champion.as_of) / np.timedelta64(1, "D")))}


def of_freshness(newest: datetime | None, as_of: datetime, allowed_minutes: int) -> dict[str, Measured]:
    """Return how old the newest raw row is, as a multiple of what is allowed; without any it is infinitely old."""
    age = float("inf") if newest is None else (as_of - newest) / timedelta(minutes=allowed_minutes)
    return {"age of the newest raw row over what is allowed": Measured(age)}


def of_model(
    model: ChurnModel, refit: ChurnModel, newest: Matrix, lesson: Lesson, contributions: Margins
) -> dict[str, Measured]:
    """Return what the models themselves show: reasons that add up, a sense of decline, a refit like the original.

    The contributions are the refit's, of the newest rows or of some of them.
    """
    before, after = (each.raw_probabilities(newest)[:, HORIZONS.index(ANCHOR)] for each in (model, refit))
    some = lesson.examples.values[lesson.validation][:ADDED_UP]
    parts = refit.contributions(some)
    margins = refit.predictors[ANCHOR].margins(refit.data(some))
    shares = np.abs(contributions[:, :-1]).mean(axis=0)
    return {
        "largest additivity error": Measured(float(np.abs(parts.sum(axis=1) - margins).max())),
        "largest share of one feature": Measured(float(shares.max() / max(shares.sum(), 1e-12))),
        "of 20 declining tutors, those scored higher": Measured(seen_declining(refit, newest, after)),
        "rank correlation with its refit": Measured(_rank_correlation(before, after)),
        "mean of its refit over its own": Measured(float(after.mean() / before.mean())),
    }


def of_data(everything: Matrix, newest: Matrix, lesson: Lesson, champion: Champion | None) -> dict[str, Measured]:
    """Return whether the rows can be what they claim to be, and the newest know what the champion's newest knew."""
    weeks = [everything[:, NAMES.index(f"sessions_{days}d")] for days in (7, 14, 30, 90)]
    contradicting = sum((shorter > longer).sum() for shorter, longer in pairwise(weeks))
    evidence = {
        "base rate over that of the rows learnt from": Measured(
            float(lesson.examples.labels[lesson.validation].mean() / lesson.examples.labels[lesson.fit].mean())
        ),
        "rows whose windows contradict each other": Measured(float(contradicting)),
    }
    if champion is not None:
        # The champion's shares are of its newest rows. A source that began last month is missing from most of the
        # older ones, and one that stopped this week from hardly any.
        grown = np.isnan(newest).mean(axis=0) - champion.null_shares
        evidence["most of a feature newly missing"] = Measured(float(grown.max()))
    return evidence


def seen_declining(model: ChurnModel, newest: Matrix, probabilities: Values) -> float:
    """Return how many of 20 middling tutors are scored higher once they teach a third, and have nothing booked."""
    middle = np.argsort(np.abs(probabilities - np.median(probabilities)), kind="stable")[:DECLINING_TUTORS]
    declined = newest[middle].copy()
    for name, (factor, added) in DECLINE.items():
        column = NAMES.index(name)
        declined[:, column] = factor * declined[:, column] + added
    worse = model.raw_probabilities(declined)[:, HORIZONS.index(ANCHOR)]
    # Of a handful of tutors, the share of 20.
    return float((worse > probabilities[middle]).mean() * DECLINING_TUTORS)


def _rank_correlation(left: Values, right: Values) -> float:
    ranks = [np.argsort(np.argsort(each, kind="stable"), kind="stable") for each in (left, right)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _known(value: float | None) -> float:
    return float("nan") if value is None else value
