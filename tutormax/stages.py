"""What the stages count, by the queue that they run on, so that a process can begin it all at zero."""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from itertools import product

from tutormax import breaker, metrics
from tutormax.broker import Queue
from tutormax.jobs.outcomes import Outcome
from tutormax.populations import Population
from tutormax.risk import LEVELS


class Source(StrEnum):
    """Where sessions come from."""

    GENERATION = "generation"
    INGEST = "ingest"


class Rejection(StrEnum):
    """Why a session was not taken in: its own row was wrong, or too many others of its file."""

    ROW = "row"
    FILE = "file"


class InsightStage(StrEnum):
    """The way from a session's end to the tutor's metrics."""

    INGEST = "ingest"
    EVALUATE = "evaluate"
    PUBLISH = "publish"
    TOTAL = "total"


# Whose scores are counted: a population's model, or the rule where none serves.
SCORERS = (*Population, "rule")


def _begin_generation() -> None:
    metrics.SESSIONS_INGESTED.labels(Source.GENERATION)


def _begin_ingest() -> None:
    metrics.SESSIONS_INGESTED.labels(Source.INGEST)
    for rejection in Rejection:
        metrics.SESSIONS_REJECTED.labels(rejection)


def _begin_evaluation() -> None:
    for stage in InsightStage:
        metrics.INSIGHT_LATENCY.labels(stage)


def _begin_prediction() -> None:
    for scorer, level in product(SCORERS, LEVELS):
        metrics.PREDICTIONS.labels(scorer, level)
    for population in Population:
        metrics.PREDICTIONS_SUBSTITUTED.labels(population)
    for outside, answer in product(breaker.Outside, breaker.Outcome):
        metrics.BREAKER_CALLS.labels(outside, answer)


_BEGIN: Mapping[str, Callable[[], None]] = {
    Queue.DATA_GENERATION: _begin_generation,
    Queue.DEFAULT: _begin_ingest,
    Queue.EVALUATION: _begin_evaluation,
    Queue.PREDICTION: _begin_prediction,
}


def begin(queues: Collection[str]) -> None:
    """Let every series of the stages that run on these queues begin at zero."""
    for queue in queues:
        _BEGIN.get(queue, lambda: None)()
        metrics.CANARY_LATENCY.labels(queue)
    for outcome in Outcome:
        metrics.TENANT_MESSAGES.labels("none", outcome)
