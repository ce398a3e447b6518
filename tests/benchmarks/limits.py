"""The stages by themselves beside their limits: the cheapest honest way to do the same with the same engine.

`SIZE` or `TUTORS` in the environment says of how many tutors, with 90 days of history at two sessions a tutor and day.
Evaluation is also beside what one would write with an ORM, on some tutors.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, text

from ml.features.build import Spine, build
from ml.scoring import score_features
from ml.serving import Scorer
from tests.benchmarks import marketplace, orm, serving
from tests.benchmarks.beside import Stage, in_turn
from tests.benchmarks.blobs import Blobs
from tests.benchmarks.costs import cost_of
from tests.benchmarks.goals import Measured
from tests.benchmarks.marketplace import AS_OF, DAY, Marketplace
from tests.benchmarks.measure import Figure, milliseconds
from tests.benchmarks.sizes import chosen, rounds
from tutormax import db, evaluation, queries, rollup
from tutormax.tables import evaluations
from tutormax.tutors import active_tutors
from tutormax.windows import QUARTER_HOUR, Window

SQL = Path(__file__).parent / "sql"
# Of whom the ORM judges enough to know what it costs.
SAMPLED = 30
# How many are scored at once; the actor scores all, in chunks.
SCORED = 1500
SINGLES = 100
FACTS = ("sessions", "student_feedback", "tutor_events")


def figures() -> Iterator[Figure]:
    """Measure generation, evaluation, features and scoring on one marketplace."""
    built = marketplace.built(chosen())
    yield from _generation(built)
    with db.transaction() as connection:
        tutor_ids = active_tutors(connection, AS_OF)
    yield from _evaluation(built, tutor_ids)
    yield from _features(built, tutor_ids)
    yield from _scoring(built, tutor_ids[:SCORED])


def _generation(built: Marketplace) -> Iterator[Figure]:
    size = built.size
    if size.copies > 1:
        yield Figure(f"copies made, {size.name}", built.copied_seconds, "s", None, 1, (built.copied_seconds,) * 2)
    yield Figure(f"database, {size.name}", built.gib, "GiB", None, 1, (built.gib,) * 2)
    if size.copies == 1:
        blobs = Blobs.of(FACTS)
        limit = [cost_of(blobs.copy)]
        yield from Stage(
            Measured.GENERATION, size, size.tutors, built.sessions_generated, [built.generated], limit
        ).figures()


def _evaluation(built: Marketplace, tutor_ids: list[int]) -> Iterator[Figure]:
    size = built.size

    def summed_up() -> None:
        with db.transaction() as connection:
            rollup.sum_up(connection)

    summing = cost_of(summed_up)
    with db.transaction() as connection:
        days = connection.execute(text("select count(*) from tutor_days")).scalar_one()
    yield from Stage(Measured.DAILY_SUMS, size, len(tutor_ids), days, [summing]).figures()
    ends = (AS_OF - QUARTER_HOUR * number for number in range(1000, 0, -1))
    midnights = (AS_OF - DAY * number for number in range(1 + rounds(size), 0, -1))
    midnight = AS_OF

    def judged_at(window_end: datetime) -> None:
        with db.transaction() as connection:
            # With no evaluation before it, everybody's judgement is computed, and not only those that may have changed.
            connection.execute(delete(evaluations))
            evaluation.judge_tutors(connection, Window(window_end))

    def judged() -> None:
        judged_at(next(ends))

    def day_ended() -> None:
        nonlocal midnight
        midnight = next(midnights)
        judged_at(midnight - QUARTER_HOUR)

    def day_begun() -> None:
        judged_at(midnight)

    def bare() -> None:
        with db.transaction() as connection:
            connection.execute(queries.load("bare_evaluation", SQL), {"window_end": next(ends)}).all()

    def usual() -> None:
        orm.evaluate(tutor_ids[:SAMPLED], next(ends))

    taken = in_turn(judged, bare, usual, rounds(size))
    share = min(1.0, SAMPLED / len(tutor_ids))
    yield from Stage(Measured.EVALUATION, size, len(tutor_ids), 3 * len(tutor_ids), *taken, share).figures()
    anew = in_turn(day_begun, bare, None, rounds(size), ready=day_ended)
    yield from Stage(Measured.EVALUATION_OF_A_NEW_DAY, size, len(tutor_ids), 3 * len(tutor_ids), *anew).figures()


def _features(built: Marketplace, tutor_ids: list[int]) -> Iterator[Figure]:
    size, everybody = built.size, Spine.at(tutor_ids, AS_OF)

    def built_features() -> None:
        with db.transaction() as connection:
            build(connection, everybody)

    def bare() -> None:
        with db.transaction() as connection:
            connection.execute(queries.load("bare_evaluation", SQL), {"window_end": AS_OF}).all()

    taken = in_turn(built_features, bare, None, rounds(size))
    yield from Stage(Measured.FEATURES, size, len(tutor_ids), len(tutor_ids), *taken).figures()
    singles = []
    with db.transaction() as connection:
        for tutor_id in tutor_ids[:SINGLES]:
            started = time.perf_counter()
            build(connection, Spine.at([tutor_id], AS_OF))
            singles.append(time.perf_counter() - started)
    yield milliseconds(f"58 features of one tutor, {size.name}: p95", singles, 0.95, goal=20)


def _scoring(built: Marketplace, tutor_ids: list[int]) -> Iterator[Figure]:
    size = built.size
    with db.transaction() as connection:
        features = build(connection, Spine.at(tutor_ids, AS_OF))
    model = serving.made(features)
    scorer = Scorer("benchmark", model)

    def bare() -> None:
        data = model.data(features.values)
        for predictor in model.predictors.values():
            predictor.booster.predict(data, output_margin=True)
        model.predictors[30].booster.predict(data, pred_contribs=True)

    def scored() -> None:
        with db.transaction() as connection:
            score_features(connection, scorer, features, AS_OF, trigger="batch", threshold=0.5)

    taken = in_turn(scored, bare, None, rounds(size))
    yield from Stage(Measured.SCORING, size, len(tutor_ids), len(tutor_ids), *taken).figures()
