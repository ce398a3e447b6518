"""Actors of the default queue, and the canaries of all the others."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tutormax import db, metrics
from tutormax.broker import Queue
from tutormax.jobs import Job, JobActor, actor
from tutormax.stages import Rejection, Source


@dataclass(frozen=True, slots=True)
class CanaryFlight:
    """How long a canary took from its due time to the database; seconds."""

    seconds: float


def _canary_of(queue: Queue) -> JobActor[[], CanaryFlight]:
    def fly(job: Job) -> CanaryFlight:
        """Prove that the whole way works: scheduler, broker, worker, database.

        Reads:   nothing
        Writes:  nothing but its own completion, whose age the alerts watch
        Again:   proves it again
        Sends:   nothing
        """
        flight = CanaryFlight((datetime.now(UTC) - job.lease.available_at).total_seconds())
        db.after_commit(job.connection, lambda: metrics.CANARY_LATENCY.labels(queue).observe(max(0.0, flight.seconds)))
        return flight

    fly.__name__ = f"canary_{queue}"
    return actor(queue=queue, time_limit=10, priority=1, max_retries=0)(fly)


CANARIES = {queue: _canary_of(queue) for queue in Queue}


@actor(queue=Queue.DEFAULT, time_limit=10)
def count_ingested_sessions(job: Job, accepted: int, refused_rows: int, refused_with_file: int) -> None:
    """Count the sessions of one file that a command took in or refused.

    Reads:   nothing
    Writes:  nothing but the counters of this process
    Again:   counts nothing more: a job that is done is not done again
    Sends:   nothing
    """
    db.after_commit(job.connection, lambda: _count_sessions(accepted, refused_rows, refused_with_file))


def _count_sessions(accepted: int, refused_rows: int, refused_with_file: int) -> None:
    metrics.SESSIONS_INGESTED.labels(Source.INGEST).inc(accepted)
    metrics.SESSIONS_REJECTED.labels(Rejection.ROW).inc(refused_rows)
    metrics.SESSIONS_REJECTED.labels(Rejection.FILE).inc(refused_with_file)
