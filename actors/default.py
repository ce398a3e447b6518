"""Actors of the default queue, and the canaries of all the others."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tutormax.broker import Queue
from tutormax.jobs import Job, JobActor, actor


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
        return CanaryFlight((datetime.now(UTC) - job.lease.available_at).total_seconds())

    fly.__name__ = f"canary_{queue}"
    return actor(queue=queue, time_limit=10, priority=1, max_retries=0)(fly)


CANARIES = {queue: _canary_of(queue) for queue in Queue}
