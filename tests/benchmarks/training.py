"""A night's training beside the bare fits: all that it does in its own process, and its boosters alone.

`TUTORS` in the environment says how many, with `DAYS` of history. The tutors are a customer's: of invented ones the
oracle is asked as well, which no customer's training waits for.

The bare fits are every booster of that training with its parameters, rows, early stopping and threads, on matrices that
are ready. The features of earlier nights are kept, as on any night but the first.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sklearn.model_selection import GroupKFold
from sqlalchemy import text
from xgboost import train as boosted

from actors.training import THREADS
from ml import training_process
from ml.boosting import FOLDS, MOST_TREES, PATIENCE, Examples, parameters
from ml.candidate import lessons
from ml.dataset import training_dataset
from ml.training import Learnt, Lesson, train
from ml.training_told import Request
from tests.benchmarks.measure import Figure, median, seconds_of
from tutormax import db, servers
from tutormax.generation.sample import make_sample
from tutormax.populations import Population

TUTORS = int(os.environ.get("TUTORS", "1500"))
DAYS = int(os.environ.get("DAYS", "240"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
AS_OF = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
CUSTOMER = Population.CUSTOMER
HISTORY_DAYS = 210
SEED = 7
LEAST_ROWS = 100
TEST_SHARE = 0.2


def figures() -> Iterator[Figure]:
    """Measure a night's training and its bare fits in turn."""
    _marketplace()
    with tempfile.TemporaryDirectory() as directory:
        _night(Path(directory), 0)
        bare = _bare()
        nights = iter(range(1, 1000))
        pairs = [(seconds_of(lambda: _night(Path(directory), next(nights))), seconds_of(bare)) for _ in range(ROUNDS)]
    name = f"nightly training of {TUTORS:,} tutors end to end"
    yield median(name, [whole for whole, _ in pairs], "s")
    yield median(f"{name}: time to that of bare fits", [whole / fits for whole, fits in pairs], "x", goal=2.0)


def _marketplace() -> None:
    with db.transaction() as connection:
        day = (AS_OF - timedelta(days=1)).date()
        make_sample(connection, tutors=TUTORS, sessions=round(TUTORS * DAYS * 2.03), target_date=day, seed=SEED)
        connection.execute(text("update organizations set synthetic = false"))
    with db.transaction() as connection:
        connection.execute(text("analyze"))


def _night(root: Path, number: int) -> None:
    """Train as the actor does: in a child process, from the database to published files."""
    request = Request(
        population=CUSTOMER,
        as_of=AS_OF,
        history_days=HISTORY_DAYS,
        trained_at=AS_OF + timedelta(seconds=number),
        root=str(root),
        seed=SEED,
        threads=THREADS,
        least_rows=LEAST_ROWS,
        test_share=TEST_SHARE,
    )
    told = training_process.run(request, database_url=servers.endpoints().database_url, progress=lambda *_: None)
    assert told.status == "trained", told


def _bare() -> Callable[[], object]:
    """Return what grows every booster of a night again, those of one plan as long as they were."""
    dataset = training_dataset(db.engine(), population=CUSTOMER, as_of=AS_OF, history_days=HISTORY_DAYS)
    taught = lessons(dataset, TEST_SHARE)
    training = train(taught, least_rows=LEAST_ROWS, seed=SEED, threads=THREADS)
    fits = [fit for horizon, learnt in training.learnt.items() for fit in _fits(taught[horizon], learnt)]

    def grow() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda fit: fit(), fits))

    return grow


def _fits(lesson: Lesson, learnt: Learnt) -> Iterator[Callable[[], object]]:
    everything = lesson.examples
    weeks = learnt.validated is not None
    planned = everything.where(lesson.fit) if weeks else everything
    for rest, fold in GroupKFold(FOLDS).split(planned.values, groups=planned.groups):
        if not learnt.plan.provisional:
            yield _stopped(planned.where(rest), planned.where(fold))
        if not weeks:
            yield _grown(planned.where(rest), learnt)
    for examples in (everything, planned) if weeks else (everything,):
        yield _grown(examples, learnt)


def _stopped(rest: Examples, fold: Examples) -> Callable[[], object]:
    return partial(
        boosted,
        parameters(SEED),
        rest.binned(),
        MOST_TREES,
        evals=[(fold.plain(), "fold")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )


def _grown(examples: Examples, learnt: Learnt) -> Callable[[], object]:
    given = parameters(SEED, provisional=learnt.plan.provisional)
    return partial(boosted, given, examples.binned(), learnt.plan.trees)
