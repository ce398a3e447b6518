"""Actors of the data_generation queue: invented facts, and the end of those that are too old."""

from datetime import UTC, date, timedelta

from tutormax import db, metrics, partitions, retention, settings
from tutormax.broker import Queue
from tutormax.errors import NotNowError
from tutormax.generation.continuation import PARTITIONS_AHEAD, ContinuationSummary, continue_world
from tutormax.generation.sample import SampleSummary, make_sample, span
from tutormax.generation.store import Written
from tutormax.jobs import Job, actor, minutes
from tutormax.jobs.limits import Limit
from tutormax.retention import CleanupSummary
from tutormax.stages import Source


class MonthsInUseError(NotNowError):
    """Months could not be made or dropped, because somebody reads them for long; all else is cleaned up."""

    retry_after_seconds = 1800.0


def _nominal() -> Limit:
    return Limit(per_minute=settings.current().generation_jobs_per_minute)


@actor(queue=Queue.DATA_GENERATION, time_limit=minutes(30), limit=_nominal)
def generate_synthetic_data(
    job: Job,
    num_tutors: int = 50,
    num_sessions: int = 500,
    target_date: date | None = None,
    seed: int | None = None,
) -> SampleSummary:
    """Invent a marketplace, and the newest of its sessions that had ended when a day was over: yesterday, unless named.

    Reads:   nothing
    Writes:  an organization of its own, with its tutors, students, sessions, student_feedback, tutor_events and truth
    Again:   writes nothing: the organization is named after the arguments
    Sends:   nothing
    """
    target = target_date or job.slot.astimezone(UTC).date() - timedelta(days=1)
    partitions.make(job.transaction, *span(num_tutors, num_sessions, target))
    summary = make_sample(
        job.connection,
        tutors=num_tutors,
        sessions=num_sessions,
        target_date=target,
        seed=settings.current().generation_seed if seed is None else seed,
        progress=job.report,
    )
    _count(job, summary.rows)
    return summary


@actor(queue=Queue.DATA_GENERATION, time_limit=minutes(5), limit=_nominal)
def generate_data_continuous(job: Job) -> ContinuationSummary:
    """Let the synthetic marketplace go on until now, a batch at most.

    Reads:   the marketplace as it was left
    Writes:  tutors, students, sessions, student_feedback, tutor_events, all of TUTORMAX_GENERATION_ORGANIZATION; truth;
             takes feature_snapshots of training back after more than a day
    Again:   writes nothing that is written
    Sends:   predict_churn_for_tutor for each tutor whose picture changed
    """
    limits = settings.current()
    partitions.make(job.transaction, job.slot, job.slot + PARTITIONS_AHEAD)
    summary = continue_world(
        job.connection,
        organization=limits.generation_organization,
        now=job.slot,
        batch_size=limits.data_gen_batch_size,
        sessions_per_day=limits.data_gen_sessions_per_day,
        seed=limits.generation_seed,
    )
    _count(job, summary.rows)
    return summary


@actor(queue=Queue.DATA_GENERATION, time_limit=minutes(30))
def cleanup_old_data(job: Job, retention_days: int | None = None) -> CleanupSummary:
    """Forget what is older than it is kept, and make the partitions of the months to come.

    Reads:   nothing
    Writes:  sessions, student_feedback, tutor_events by the month; tutor_performance_metrics, feature_snapshots,
             churn_predictions, jobs and schedule_slots by the row
    Again:   removes what is left, such as months whose tables were in use
    Sends:   nothing
    """
    limits = settings.current()
    summary = retention.cleanup(
        job.transaction,
        now=job.slot,
        retention_days=limits.retention_days if retention_days is None else retention_days,
        timezone=limits.schedule_timezone,
    )
    if summary.tables_in_use:
        raise MonthsInUseError("months were in use, as a backup uses them; tried again in half an hour")
    return summary


def _count(job: Job, rows: Written) -> None:
    db.after_commit(job.connection, lambda: metrics.SESSIONS_INGESTED.labels(Source.GENERATION).inc(rows.sessions))
