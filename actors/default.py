"""Actors of the default queue, and the canaries of all the others."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ml import registry
from ml.registry import Registered
from ml.serving import shelf
from tutormax import db, metrics
from tutormax.broker import Queue
from tutormax.jobs import Job, JobActor, actor
from tutormax.populations import Population
from tutormax.stages import Rejection, Source


@dataclass(frozen=True, slots=True)
class CanaryFlight:
    """How long a canary took from its due time to the database; seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Served:
    """Which model serves from now on."""

    model_id: str


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


# Here and not on the training queue: whoever takes a bad model back at night must not wait for a training to end.
@actor(queue=Queue.DEFAULT, time_limit=60, priority=2, max_retries=0)
def promote_model(job: Job, model_id: str, who: str, reason: str) -> Served:
    """Let a model serve its population, whatever the gate said of it.

    Reads:   models and the model's files
    Writes:  models, one row in audit_log, and the links to the champion
    Again:   refuses: the model serves already
    Sends:   nothing
    """
    directory = shelf().root / model_id.partition("/")[0]
    return _checked(registry.promote(job.connection, model_id, who=who, reason=reason, directory=directory))


@actor(queue=Queue.DEFAULT, time_limit=60, priority=2, max_retries=0)
def roll_back_model(job: Job, population: Population, who: str, reason: str) -> Served:
    """Let the champion before this one serve a population again.

    Reads:   models and the model's files
    Writes:  models, one row in audit_log, and the links to the champion
    Again:   goes back by one more champion
    Sends:   nothing
    """
    directory = shelf().directory(population)
    return _checked(registry.roll_back(job.connection, population, who=who, reason=reason, directory=directory))


def _checked(model: Registered) -> Served:
    # A model that cannot be loaded takes the whole transaction back.
    shelf().check(model)
    return Served(model.model_id)
