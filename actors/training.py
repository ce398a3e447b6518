"""Actors of the training queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from ml import registry, training_process
from ml.device import Device
from ml.gate import Decision
from ml.registry import Registered
from ml.serving import shelf
from ml.training_told import Outcome, Request
from tutormax import servers, settings
from tutormax.broker import Queue
from tutormax.jobs import Job, actor, minutes
from tutormax.populations import Population
from tutormax.tables import organizations, tutors

THREADS = 2


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of one population's training."""

    population: Population
    status: str
    reason: str
    rows: int
    version: str | None = None
    became: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What came of a training of each population that has tutors."""

    trained: Sequence[Trained]


@actor(queue=Queue.TRAINING, time_limit=minutes(60))
def train_models(job: Job, as_of: datetime | None = None) -> TrainingSummary:
    """Train, validate and judge a model for each population that has tutors, as of one instant, now unless named.

    Reads:   tutors, sessions, student_feedback, tutor_events, feature_snapshots and the champion's files
    Writes:  models and the files of each new one, champion or rejected; feature_snapshots of new weeks
    Again:   trains another version on the same rows, equal but for its name
    Sends:   nothing
    """
    return _trained(job, _populations(job), job.as_of(as_of), settings.current().train_history_days)


@actor(queue=Queue.TRAINING, time_limit=minutes(60), max_retries=0)
def train_models_on_demand(
    job: Job, population: Population | None = None, as_of: datetime | None = None, history_days: int | None = None
) -> TrainingSummary:
    """Train as the nightly training does, for one population or on another length of history if named.

    Reads:   tutors, sessions, student_feedback, tutor_events, feature_snapshots and the champion's files
    Writes:  models and the files of each new one, champion or rejected; feature_snapshots of new weeks
    Again:   trains another version on the same rows, equal but for its name
    Sends:   nothing
    """
    wanted = [population] if population is not None else _populations(job)
    return _trained(job, wanted, job.as_of(as_of), history_days or settings.current().train_history_days)


def _populations(job: Job) -> list[Population]:
    statement = (
        select(organizations.c.synthetic)
        .join(tutors, tutors.c.organization_id == organizations.c.organization_id)
        .distinct()
        .order_by(organizations.c.synthetic)
    )
    with job.transaction() as connection:
        return [
            Population.SYNTHETIC if synthetic else Population.CUSTOMER
            for synthetic in connection.execute(statement).scalars()
        ]


def _trained(job: Job, populations: Sequence[Population], as_of: datetime, history_days: int) -> TrainingSummary:
    # A population that an interrupted attempt had finished is not trained again.
    done: list[str] = list(job.cursor or [])
    trained = []
    for population in populations:
        if population in done:
            continue
        request = _request(job, population, as_of, history_days)
        outcome = training_process.run(
            request,
            database_url=servers.endpoints().database_url,
            progress=lambda share, note: job.report(share, 100, note),
        )
        with job.transaction(cursor=[*done, population]) as connection:
            trained.append(_entered(connection, request, outcome))
        done.append(population)
    return TrainingSummary(trained)


def _request(job: Job, population: Population, as_of: datetime, history_days: int) -> Request:
    limits = settings.current()
    return Request(
        population=population,
        as_of=as_of,
        history_days=history_days,
        trained_at=job.lease.started_at + timedelta(seconds=len(job.cursor or [])),
        root=str(shelf().root),
        seed=limits.generation_seed,
        threads=THREADS,
        least_rows=limits.model_training_min_samples,
        test_share=limits.model_training_test_split,
        fresh_minutes=limits.train_freshness_minutes,
        device=Device(limits.training_device),
    )


def _entered(connection: Connection, request: Request, outcome: Outcome) -> Trained:
    said = Trained(request.population, outcome.status, outcome.reason, outcome.rows, outcome.version)
    if outcome.version is None or outcome.decision is None:
        return said
    registered = Registered(
        population=request.population,
        version=outcome.version,
        feature_version=str(outcome.feature_version),
        manifest_sha256=str(outcome.manifest_sha256),
        as_of=request.as_of,
        trained_at=request.trained_at,
    )
    if outcome.decision is Decision.PROMOTE:
        # Where it will serve, and not only where it was made: read back, and held to its golden probabilities.
        shelf().check(registered)
    became = registry.enter(
        connection,
        registered,
        outcome.decision,
        reason=outcome.reason,
        metrics=outcome.metrics or {},
        met=outcome.met,
        directory=shelf().directory(request.population),
    )
    return Trained(said.population, said.status, said.reason, said.rows, said.version, became)
