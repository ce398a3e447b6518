"""Actors of the prediction queue."""

import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ml import monitoring
from ml.monitoring import MonitoringSummary
from ml.scoring import ScoringSummary, score
from ml.serving import shelf
from tutormax import db, jobs, settings
from tutormax.broker import Queue
from tutormax.jobs import Job, actor, minutes, parts
from tutormax.jobs.job import CancelInterruption
from tutormax.tutors import active_tutors, require_tutor

# What is known of a scoring that has scored nobody yet.
NOTHING = {"scored": 0, "levels": {}, "models": {}, "repaired": 0}
LOOK_SECONDS = 0.5


@actor(queue=Queue.PREDICTION, time_limit=minutes(15))
def batch_predict_churn(job: Job, as_of: datetime | None = None) -> ScoringSummary:
    """Score every active tutor as of one instant, now unless another is named; done when all are scored.

    Reads:   tutors, sessions, student_feedback, tutor_events, models and the model's files
    Writes:  churn_predictions, one row for each tutor, and the features that it was made of
    Again:   replaces the same rows; an interrupted run goes on with the tutors that are missing
    Sends:   predict_churn_of_shard for each shard after the first; those that no worker begins it scores itself
    """
    at = job.as_of(as_of)
    # A cursor that an earlier release left names no range: it begins again.
    made: Any = job.cursor if job.cursor and "left" in job.cursor else _shared_out(job, at)
    try:
        made = _scored(job, at, made)
        while made["left"]:
            made = _scored(job, at, _with_next(job, made))
    except CancelInterruption:
        with db.transaction() as connection:
            for shard in made["left"]:
                parts.take_back(connection, UUID(shard["job"]))
        raise
    return _summary(made)


@actor(queue=Queue.PREDICTION, time_limit=minutes(15))
def predict_churn_of_shard(job: Job, as_of: datetime, first: int, beyond: int) -> ScoringSummary:
    """Score the active tutors of a range of ids as of one instant, as a part of batch_predict_churn.

    Reads:   tutors, sessions, student_feedback, tutor_events, models and the model's files
    Writes:  churn_predictions, one row for each tutor, and the features that it was made of
    Again:   replaces the same rows; an interrupted run goes on with the tutors that are missing
    Sends:   nothing
    """
    return _summary(_scored(job, as_of, job.cursor or {**NOTHING, "next": first, "beyond": beyond}))


def _shared_out(job: Job, at: datetime) -> dict[str, Any]:
    """Send a job for every shard but the first; return where the batch itself begins."""
    size = settings.current().churn_shard_size
    with job.transaction(cursor=lambda: made) as connection:
        active = active_tutors(connection, at)
        ranges = [(part[0], part[-1] + 1) for part in (active[i : i + size] for i in range(0, len(active), size))]
        requests = [
            replace(
                predict_churn_of_shard.request(at, first, beyond),
                # Two batches of one instant share what neither has begun.
                key=f"{at.isoformat()} {first} {beyond}",
                requested_by=f"job {job.id}",
            )
            for first, beyond in ranges[1:]
        ]
        # Ids come back in the order of the keys.
        requests.sort(key=lambda request: str(request.key))
        shards = [
            {"job": str(part), "next": request.args["first"], "beyond": request.args["beyond"]}
            for part, request in zip(jobs.insert(connection, requests), requests, strict=True)
        ]
        shards.sort(key=lambda shard: shard["next"])
        first, beyond = ranges[0] if ranges else (0, 0)
        made = {**NOTHING, "total": len(active), "next": first, "beyond": beyond, "left": shards}
    return made


def _with_next(job: Job, made: dict[str, Any]) -> dict[str, Any]:
    """Return what has been made with what others have done, and with a shard to go on with if one is free."""
    with job.transaction(cursor=lambda: made) as connection:
        left = {UUID(shard["job"]): shard for shard in made["left"]}
        found = parts.standing(connection, list(left))
        for part, result in found.done.items():
            made = _added(made, ScoringSummary(**result))
            del left[part]
        mine = next((part for part in found.free if parts.take_back(connection, part)), None)
        if mine is not None:
            shard = left.pop(mine)
            made = {**made, "next": shard["next"], "beyond": shard["beyond"]}
        made = {**made, "left": list(left.values())}
    job.report(made["scored"], made["total"])
    if mine is None and left:
        time.sleep(LOOK_SECONDS)
    return made


def _scored(job: Job, at: datetime, made: dict[str, Any]) -> dict[str, Any]:
    """Score whoever is missing of a range, chunk by chunk, the cursor at the next."""
    limits = settings.current()
    ids = range(made["next"], made["beyond"])
    if not ids:
        return made
    with job.transaction() as connection:
        tutor_ids = active_tutors(connection, at, ids=ids)
    total = made.get("total", made["scored"] + len(tutor_ids))
    for start in range(0, len(tutor_ids), limits.churn_batch_size):
        chunk = tutor_ids[start : start + limits.churn_batch_size]
        with job.transaction(cursor=lambda: made) as connection:  # noqa: B023 - read where the block ends
            summary = score(
                connection, shelf(), chunk, at, trigger="batch", threshold=limits.churn_prediction_threshold
            )
            made = {**_added(made, summary), "next": chunk[-1] + 1}
        job.report(made["scored"], total)
    return {**made, "next": made["beyond"]}


def _added(made: dict[str, Any], summary: ScoringSummary) -> dict[str, Any]:
    return {
        **made,
        "scored": made["scored"] + summary.tutors,
        "levels": dict(Counter(made["levels"]) + Counter(summary.levels)),
        "models": dict(Counter(made["models"]) + Counter(summary.models)),
        "repaired": made["repaired"] + summary.repaired,
    }


def _summary(made: dict[str, Any]) -> ScoringSummary:
    return ScoringSummary(made["scored"], made["levels"], made["models"], made["repaired"])


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
    return monitoring.monitor(job.connection, shelf(), job.as_of(as_of))
