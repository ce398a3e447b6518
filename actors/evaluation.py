"""Actors of the evaluation queue."""

from dataclasses import replace
from datetime import UTC, datetime

from tutormax import db, evaluation, insights, rescoring, rollup, settings
from tutormax.broker import Queue
from tutormax.errors import PermanentError
from tutormax.evaluation import EvaluationSummary
from tutormax.jobs import Job, actor, minutes
from tutormax.windows import Window


class UnfinishedWindowError(PermanentError):
    """The quarter hour that was asked for has not ended yet."""


@actor(queue=Queue.EVALUATION, time_limit=minutes(10))
def evaluate_tutor_performance(job: Job, window_end: datetime | None = None) -> EvaluationSummary:
    """Judge every active tutor over the windows that end at one quarter hour, the latest unless another is named.

    Reads:   tutors, sessions, student_feedback, tutor_events
    Writes:  tutor_days; tutor_windows; evaluations; tutor_performance_metrics, a row for each tutor and window that
             came out other than before, and again those that late facts belong to
    Again:   replaces the same rows; corrections go on where they were left
    Sends:   predict_churn_for_tutor for each tutor whose tier fell
    """
    window = Window.latest(job.slot) if window_end is None else _ended(job, Window.ending(window_end))
    _sum_up(job)
    with job.transaction() as connection:
        counted = insights.first_counted(connection, window)
        summary = evaluation.judge_tutors(connection, window)
        # Not for a quarter hour that was named, nor for one that had been judged: that is no news.
        if window_end is None and summary.rows_written:
            db.after_commit(connection, lambda: _measure(job, counted))
        rescoring.request(connection, summary.fell, "tier fell")
    return replace(summary, rows_corrected=_correct(job))


@actor(queue=Queue.EVALUATION, time_limit=minutes(1))
def evaluate_single_tutor(job: Job, tutor_id: int) -> EvaluationSummary:
    """Judge one tutor over the windows that end at the latest quarter hour.

    Reads:   tutors, sessions, student_feedback, tutor_events
    Writes:  tutor_days; tutor_windows; tutor_performance_metrics, a row for each window that came out other than before
    Again:   replaces the same rows
    Sends:   predict_churn_for_tutor if the tutor's tier fell
    """
    summary = evaluation.evaluate_single_tutor(job.connection, tutor_id, Window.latest(job.slot))
    rescoring.request(job.connection, summary.fell, "tier fell")
    return summary


def _measure(job: Job, counted: list[insights.Counted]) -> None:
    insights.observe(counted, judged_at=job.lease.started_at, published_at=datetime.now(UTC))


def _ended(job: Job, window: Window) -> Window:
    latest = Window.latest(job.lease.started_at)
    if window > latest:
        raise UnfinishedWindowError(
            f"{window.end:%Y-%m-%dT%H:%MZ} has not ended; the latest is {latest.end:%Y-%m-%dT%H:%MZ}"
        )
    return window


def _sum_up(job: Job) -> None:
    """Bring the daily sums up to date, piece by piece."""
    goes_on = True
    while goes_on:
        with job.transaction() as connection:
            goes_on = rollup.sum_up_some(connection)


def _correct(job: Job) -> int:
    """Correct, piece by piece, what late facts belong to; return how many rows changed."""
    at_once = settings.current().perf_eval_batch_size
    rows = 0
    goes_on = True
    while goes_on:
        with job.transaction() as connection:
            piece = evaluation.correct_judgements(connection, at_once=at_once)
        rows += piece.rows
        goes_on = piece.goes_on
    return rows
