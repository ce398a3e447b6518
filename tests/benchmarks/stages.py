"""The stages at nominal size: 1,500 tutors with 240 days of history, by real workers where a worker matters.

`TUTORS` in the environment makes the marketplace smaller for a first look.
"""

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from ml.features.build import Spine, build
from tests.benchmarks.measure import Figure, median_seconds, milliseconds
from tests.benchmarks.relaying import relaying
from tutormax import db, evaluation, jobs, processes, rescoring
from tutormax.broker import Queue
from tutormax.following import follow
from tutormax.jobs import Request
from tutormax.tables import jobs as ledger
from tutormax.tutors import active_tutors
from tutormax.windows import QUARTER_HOUR, Window

TUTORS = int(os.environ.get("TUTORS", "1500"))
DAYS = 240
SESSIONS = round(TUTORS * DAYS * 2.03)
# The history ends with yesterday, so that an event of now meets tutors who are active now.
AS_OF = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LAST_DAY = f"{AS_OF - timedelta(days=1):%F}"
SINGLES = 100


def figures() -> Iterator[Figure]:
    """Measure every stage on one marketplace."""
    world = {"num_tutors": TUTORS, "num_sessions": SESSIONS, "target_date": LAST_DAY, "seed": 7}
    as_of = {"as_of": AS_OF.isoformat()}
    with processes.children(TUTORMAX_LOG_LEVEL="ERROR") as children, relaying(Queue):
        for name, command in processes.DESK.items():
            children.start(name, command)
        seconds = _job("generate_synthetic_data", Queue.DATA_GENERATION, world)
        yield _rate("sessions generated and stored, with feedback and events", SESSIONS / seconds)
        yield from _evaluation()
        yield from _features()
        yield _once("training, spine included", _job("train_models", Queue.TRAINING, as_of), 900)
        yield _once("scoring of every active tutor", _job("batch_predict_churn", Queue.PREDICTION, as_of), None)
        yield _event_driven()


def _job(actor: str, queue: Queue, args: Mapping[str, Any]) -> float:
    """Run one job by a worker; return the seconds from its start to its commit."""
    with db.transaction() as connection:
        [job] = jobs.insert(connection, [Request(actor, queue, args, requested_by="bench")])
    ended = follow(job, timeout_seconds=1800, tell=lambda _: None)
    assert ended.state == "done", ended
    assert ended.started_at is not None
    assert ended.finished_at is not None
    return (ended.finished_at - ended.started_at).total_seconds()


def _evaluation() -> Iterator[Figure]:
    ends = iter(AS_OF - QUARTER_HOUR * number for number in range(20))

    def judge() -> None:
        with db.transaction() as connection:
            evaluation.judge_tutors(connection, Window(next(ends)))

    yield median_seconds(f"evaluation of {TUTORS:,} tutors, three windows", judge, runs=5, goal=5)


def _features() -> Iterator[Figure]:
    with db.transaction() as connection:
        tutor_ids = active_tutors(connection, AS_OF)
        everybody = Spine.at(tutor_ids, AS_OF)
        yield median_seconds(
            f"58 features of {len(tutor_ids):,} active tutors", lambda: build(connection, everybody), runs=5, goal=5
        )
        singles = []
        for tutor_id in tutor_ids[:SINGLES]:
            started = time.perf_counter()
            build(connection, Spine.at([tutor_id], AS_OF))
            singles.append(time.perf_counter() - started)
    yield milliseconds("58 features of one tutor, p95", singles, 0.95, goal=20)


def _event_driven() -> Figure:
    with db.transaction() as connection:
        tutor_ids = active_tutors(connection, AS_OF)[: SINGLES + 10]
    taken = [_scored(tutor_id) for tutor_id in tutor_ids]
    # The first ones load the model.
    return milliseconds("event-driven scoring from lease to commit, p95", taken[10:], 0.95, goal=100)


def _scored(tutor_id: int) -> float:
    """Ask for a score as an event does; return the seconds from its lease to its commit."""
    statement = select(ledger.c.finished_at - ledger.c.started_at).where(
        ledger.c.actor == rescoring.ACTOR, ledger.c.state == "done", ledger.c.args["tutor_id"].as_integer() == tutor_id
    )
    with db.transaction() as connection:
        rescoring.request(connection, [tutor_id], "bench")
    while True:
        with db.transaction() as connection:
            taken = connection.execute(statement).scalars().first()
        if taken is not None:
            return float(taken.total_seconds())
        time.sleep(0.01)


def _once(name: str, seconds: float, goal: float | None) -> Figure:
    return Figure(name, seconds, "s", goal, 1, (seconds, seconds))


def _rate(name: str, rate: float) -> Figure:
    return Figure(name, rate, "sessions/s", None, 1, (rate, rate), more_is_better=True)
