"""The stages beside their limits: the cheapest honest way to do the same with the same engine, in the same round.

`TUTORS` in the environment says how many, with 90 days of history at two sessions a tutor and day.
"""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import text

from ml.calibration import Calibration
from ml.features.build import FeatureMatrix, Spine, build
from ml.features.catalogue import NAMES
from ml.model import ChurnModel, Predictor
from ml.projection import HORIZONS
from ml.scoring import score_features
from ml.serving import Scorer
from tests.benchmarks.measure import Figure, median, median_seconds, seconds_of
from tutormax import db, evaluation, queries
from tutormax.generation.sample import make_sample
from tutormax.ingest.stage import Terms, ingest_files
from tutormax.tutors import active_tutors
from tutormax.windows import QUARTER_HOUR, Window

TUTORS = int(os.environ.get("TUTORS", "1500"))
DAYS = 90
ROUNDS = int(os.environ.get("ROUNDS", "5"))
TREES = 600
AS_OF = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SQL = Path(__file__).parent / "sql"


def figures() -> Iterator[Figure]:
    """Measure generation, evaluation, features, scoring and ingest on one marketplace."""
    sessions = round(TUTORS * DAYS * 2.03)

    def generated() -> None:
        with db.transaction() as connection:
            day = (AS_OF - timedelta(days=1)).date()
            make_sample(connection, tutors=TUTORS, sessions=sessions, target_date=day, seed=7)

    rate = sessions / seconds_of(generated)
    what = "sessions generated and stored, with feedback and events"
    yield median(what, [rate], "sessions/s", goal=40_000, more_is_better=True)
    with db.transaction() as connection:
        connection.execute(text("analyze"))
    yield from _evaluation()
    yield from _scoring()
    yield from _ingest(min(sessions, 100_000))


def _evaluation() -> Iterator[Figure]:
    ends = iter(AS_OF - QUARTER_HOUR * number for number in range(1000))

    def judged() -> None:
        with db.transaction() as connection:
            evaluation.judge_tutors(connection, Window(next(ends)))

    def bare() -> None:
        with db.transaction() as connection:
            connection.execute(queries.load("bare_evaluation", SQL), {"window_end": next(ends)}).all()

    yield from _beside(f"evaluation of {TUTORS:,} tutors, three windows", judged, "one bare statement", bare, goal=1.3)


def _scoring() -> Iterator[Figure]:
    with db.transaction() as connection:
        tutor_ids = active_tutors(connection, AS_OF)
        spine = Spine.at(tutor_ids, AS_OF)
        yield median_seconds(f"58 features of {len(tutor_ids):,} tutors", lambda: build(connection, spine), runs=ROUNDS)
        features = build(connection, spine)
    model = _model(features)
    scorer = Scorer("benchmark", model)

    def bare() -> None:
        data = model.data(features.values)
        for predictor in model.predictors.values():
            predictor.booster.predict(data, output_margin=True)
        model.predictors[30].booster.predict(data, pred_contribs=True)

    def scored() -> None:
        with db.transaction() as connection:
            score_features(connection, scorer, features, AS_OF, trigger="batch", threshold=0.5)

    yield from _beside("scores, reasons and features stored", scored, "bare predict and pred_contribs", bare, goal=1.5)


def _model(features: FeatureMatrix) -> ChurnModel:
    """Return a model of the size that a nightly training makes; what it has learned does not matter here."""
    import xgboost  # noqa: PLC0415 - costs seconds

    labels = np.random.default_rng(7).random(len(features.values)) < 0.2
    data = xgboost.DMatrix(features.values, labels, feature_names=list(NAMES), missing=np.nan)
    recipe = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.02, "seed": 7, "nthread": 2}
    booster = xgboost.train(recipe, data, TREES)
    return ChurnModel(NAMES, {horizon: Predictor(booster, Calibration()) for horizon in HORIZONS})


def _ingest(sessions: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        tutors, rows = _files(Path(directory), sessions)
        number = iter(range(1000))

        def ingested() -> None:
            terms = Terms(f"benchmark {next(number)}", datetime.now(UTC), None, "event", 0.05)
            reports = ingest_files(db.transaction, [tutors, rows], terms)
            assert all(report.taken_in for report in reports)

        ingested()
        blob = _blob()

        def copied() -> None:
            with db.transaction() as connection:
                connection.execute(text("create table benchmark_sessions (like sessions including all)"))
                driver = connection.connection.driver_connection
                assert driver is not None
                with driver.cursor() as cursor, cursor.copy("copy benchmark_sessions from stdin (format binary)") as to:
                    to.write(blob)
                connection.rollback()

        yield from _beside(
            f"ingest of {sessions:,} sessions", ingested, "COPY of the ready blob", copied, rows=sessions
        )


def _files(directory: Path, sessions: int) -> tuple[Path, Path]:
    tutors, rows = directory / "tutors.csv", directory / "sessions.csv"
    tutors.write_text("tutor_id,joined_at\n" + "".join(f"t{n},2026-01-05T00:00:00Z\n" for n in range(500)))
    numbers = np.arange(sessions)
    starts = np.datetime64("2026-03-01T08:00:00") + (numbers % 150_000).astype("timedelta64[m]")
    table = pa.table(
        {
            "session_id": [f"s{n}" for n in numbers],
            "tutor_id": [f"t{n % 500}" for n in numbers],
            "student_id": [f"p{n % 5000}" for n in numbers],
            "session_number": numbers // 5000 + 1,
            "subject": ["math"] * sessions,
            "scheduled_start": [f"{start}Z" for start in starts],
            "duration_minutes": [60] * sessions,
            "status": ["completed"] * sessions,
            "late_start_minutes": (numbers % 7).astype(float),
            "engagement_score": (numbers % 100) / 100,
        }
    )
    csv.write_csv(table, rows)
    return tutors, rows


def _blob() -> bytes:
    """Return the sessions of the last ingest as COPY writes them."""
    blob = io.BytesIO()
    with db.transaction() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        newest = "(select max(organization_id) from organizations)"
        statement = f"copy (select * from sessions where organization_id = {newest}) to stdout (format binary)"
        with driver.cursor() as cursor, cursor.copy(statement) as out:
            for piece in out:
                blob.write(piece)
    return blob.getvalue()


def _beside(
    name: str,
    ours: Callable[[], None],
    limit_name: str,
    limit: Callable[[], None],
    *,
    goal: float | None = None,
    rows: int | None = None,
) -> Iterator[Figure]:
    """Time both in turn; yield our time, or rows a second, and the ratio to the limit."""
    limit()
    pairs = [(seconds_of(ours), seconds_of(limit)) for _ in range(ROUNDS)]
    if rows is None:
        yield median(name, [mine for mine, _ in pairs], "s")
    else:
        yield median(name, [rows / mine for mine, _ in pairs], "rows/s", goal=40_000, more_is_better=True)
    yield median(f"{name}: time to that of {limit_name}", [mine / least for mine, least in pairs], "x", goal=goal)
