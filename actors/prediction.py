"""Actors of the prediction queue."""

from collections import Counter
from datetime import datetime
from typing import Any

from ml import monitoring
from ml.monitoring import MonitoringSummary
from ml.scoring import ScoringSummary, score
from ml.serving import shelf
from tutormax import settings
from tutormax.broker import Queue
from tutormax.jobs import Job, actor, minutes
from tutormax.tutors import active_tutors, require_tutor


@actor(queue=Queue.PREDICTION, time_limit=minutes(15))
def batch_predict_churn(job: Job, as_of: datetime | None = None) -> ScoringSummary:
    """Score every active tutor as of one instant, now unless another is named.

    Reads:   tutors, sessions, student_feedback, tutor_events, models and the model's files
    Writes:  churn_predictions, one row for each tutor, and the features that it was made of
    Again:   replaces the same rows; an interrupted run goes on with the tutors that are missing
    Sends:   nothing
    """
    limits = settings.current()
    at = as_of or job.slot
    with job.transaction() as connection:
        tutor_ids = active_tutors(connection, at)
    made: Any = job.cursor or {"done": 0, "levels": {}, "models": {}, "repaired": 0}
    while made["done"] < len(tutor_ids):
        chunk = tutor_ids[made["done"] : made["done"] + limits.churn_batch_size]
        with job.transaction(cursor=lambda: made) as connection:  # noqa: B023 - read where the block ends
            summary = score(
                connection, shelf(), chunk, at, trigger="batch", threshold=limits.churn_prediction_threshold
            )
            made = _added(made, len(chunk), summary)
        job.report(made["done"], len(tutor_ids))
    return ScoringSummary(sum(made["models"].values()), made["levels"], made["models"], made["repaired"])


def _added(made: dict[str, Any], tutors: int, summary: ScoringSummary) -> dict[str, Any]:
    return {
        "done": made["done"] + tutors,
        "levels": dict(Counter(made["levels"]) + Counter(summary.levels)),
        "models": dict(Counter(made["models"]) + Counter(summary.models)),
        "repaired": made["repaired"] + summary.repaired,
    }


@actor(queue=Queue.PREDICTION, time_limit=minutes(1), priority=1)
def predict_churn_for_tutor(job: Job, tutor_id: int, reason: str) -> ScoringSummary:
    """Score one tutor now, because something changed the tutor's picture; one who has left is not scored.

    Reads:   the tutor's sessions, student_feedback, tutor_events, models and the model's files
    Writes:  churn_predictions, one row, and the features that it was made of
    Again:   replaces the same row
    Sends:   nothing
    """
    require_tutor(job.connection, tutor_id)
    at = job.lease.started_at
    active = active_tutors(job.connection, at, tutor_ids=[tutor_id])
    threshold = settings.current().churn_prediction_threshold
    return score(job.connection, shelf(), active, at, trigger=reason, threshold=threshold)


@actor(queue=Queue.PREDICTION, time_limit=minutes(15))
def monitor_predictions(job: Job, as_of: datetime | None = None) -> MonitoringSummary:
    """Tell what became of predictions, how far features and scores have moved, and whether features can be had again.

    Reads:   churn_predictions, feature_snapshots, sessions, student_feedback, tutor_events, models and their files
    Writes:  the outcomes in churn_predictions, prediction_cohorts, prediction_drift, feature_skew and feature_names
    Again:   replaces the same rows
    Sends:   nothing
    """
    return monitoring.monitor(job.connection, shelf(), as_of or job.slot)
