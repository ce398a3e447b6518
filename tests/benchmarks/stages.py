"""The stages end to end: jobs in the ledger, rung by Redis, done by real workers.

A quarter hour of new facts comes before each tick of evaluation, so that it finds what a real one finds.
"""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from ml.features.build import Spine, build
from tests.benchmarks import events, marketplace, serving
from tests.benchmarks.beside import Stage
from tests.benchmarks.goals import Measured
from tests.benchmarks.marketplace import AS_OF, DAY
from tests.benchmarks.measure import Figure
from tests.benchmarks.relaying import relaying
from tests.benchmarks.sizes import Size, chosen, rounds
from tests.benchmarks.working import done, settle, workers
from tutormax import db
from tutormax.broker import Queue
from tutormax.jobs import Request
from tutormax.tutors import active_tutors
from tutormax.windows import QUARTER_HOUR

# When many teach: the hours before this one come at once.
BUSY_HOUR = AS_OF + timedelta(hours=17)
HOUR = timedelta(hours=1)


def figures() -> Iterator[Figure]:
    """Measure evaluation, scoring, what an event leads to, and generation, on one marketplace."""
    size = marketplace.built(chosen()).size
    with db.transaction() as connection:
        tutor_ids = active_tutors(connection, AS_OF)
    with tempfile.TemporaryDirectory() as directory, relaying(Queue):
        models = Path(directory)
        yield from _ticks(size, len(tutor_ids), models)
        _publish(tutor_ids, models)
        yield from _scores(size, tutor_ids, models)
        yield from _generation(size, models)


def _ticks(size: Size, active: int, models: Path) -> Iterator[Figure]:
    with db.transaction() as connection:
        marketplace.go_on(connection, AS_OF, BUSY_HOUR)
    with workers(Queue.EVALUATION, models) as family:

        def tick(number: int) -> Request:
            end = BUSY_HOUR + number * QUARTER_HOUR
            if number:
                with db.transaction() as connection:
                    marketplace.go_on(connection, end - QUARTER_HOUR, end)
            return _request("evaluate_tutor_performance", Queue.EVALUATION, window_end=end.isoformat())

        # The first has hours to catch up with.
        taken = [done(family, tick(number)) for number in range(1 + rounds(size))][1:]
    yield from Stage(Measured.EVALUATION_TICK, size, active, 3 * active, taken).figures()


def _publish(tutor_ids: list[int], models: Path) -> None:
    with db.transaction() as connection:
        features = build(connection, Spine.at(tutor_ids[: serving.LOOKED_AT], AS_OF))
    serving.publish(serving.made(features), models)


def _scores(size: Size, tutor_ids: list[int], models: Path) -> Iterator[Figure]:
    with workers(Queue.PREDICTION, models) as family:
        # Scores of the tutors whose tier fell are asked for still.
        settle(Queue.PREDICTION)
        instants = [AS_OF + number * HOUR for number in range(1 + rounds(size))]
        requests = [_request("batch_predict_churn", Queue.PREDICTION, as_of=at.isoformat()) for at in instants]
        # The first loads the model.
        taken = [done(family, request) for request in requests][1:]
        yield from Stage(Measured.SCORING_BY_WORKERS, size, len(tutor_ids), len(tutor_ids), taken).figures()
        yield from events.figures_of(size, tutor_ids)


def _generation(size: Size, models: Path) -> Iterator[Figure]:
    world = {
        "num_tutors": size.generated,
        "num_sessions": size.sessions(),
        "target_date": f"{AS_OF - DAY:%F}",
        "seed": 8,
    }
    with workers(Queue.DATA_GENERATION, models) as family:
        taken = [done(family, _request("generate_synthetic_data", Queue.DATA_GENERATION, **world))]
    with db.transaction() as connection:
        sessions = marketplace.newest_sample(connection)
    yield from Stage(Measured.GENERATION_BY_WORKER, size, size.generated, sessions, taken).figures()


def _request(actor: str, queue: Queue, **args: object) -> Request:
    return Request(actor, queue, args, requested_by="bench")
