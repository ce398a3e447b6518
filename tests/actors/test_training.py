"""The actors of training: which populations they train, what they record, and that they can be stopped."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, select, text, update

from actors.training import train_models, train_models_on_demand
from tests.factories import add_organization, add_tutor
from tutormax import db, settings
from tutormax.jobs import JobActor, ring
from tutormax.populations import Population
from tutormax.tables import jobs, models


@pytest.fixture(autouse=True)
def root(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where models are published, with a database of the test's own; nobody is rung."""
    assert database
    ring.use(None)
    monkeypatch.setenv("WORKER_MODEL_SAVE_PATH", str(tmp_path))
    settings.current.cache_clear()
    yield tmp_path
    ring.use(None)


def answered(actor: JobActor[Any, Any], job: UUID) -> Row[Any]:
    """Answer a doorbell in this thread; return what became of the job."""
    actor.answer(str(job))
    return row_of(job)


def row_of(job: UUID) -> Row[Any]:
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def children_at_work() -> int:
    """Return how many training processes have a statement running."""
    statement = text(
        "select count(*) from pg_stat_activity where application_name = 'tutormax training' and state = 'active'"
    )
    with db.transaction() as connection:
        return int(connection.execute(statement).scalar_one())


def test_without_tutors_there_is_nothing_to_train() -> None:
    job = answered(train_models, train_models.send())

    assert (job.state, job.result) == ("done", {"trained": []})


@pytest.mark.parametrize("actor", [train_models, train_models_on_demand])
def test_nothing_is_learnt_of_what_is_to_come(actor: JobActor[Any, Any]) -> None:
    with db.transaction() as connection:
        add_tutor(connection)

    job = answered(actor, actor.send(as_of=datetime.now(UTC) + timedelta(days=1)))

    assert (job.state, job.error_type) == ("dead", "UnusableInstantError")


def test_every_population_that_has_tutors_is_trained_or_skipped_with_the_reason(root: Path) -> None:
    with db.transaction() as connection:
        add_tutor(connection)
        add_tutor(connection, organization=add_organization(connection, synthetic=True))

    job = answered(train_models, train_models.send())

    assert job.state == "done"
    trained = {each["population"]: each for each in job.result["trained"]}
    assert trained.keys() == {"synthetic", "customer"}
    for each in trained.values():
        assert (each["status"], each["version"]) == ("skipped_insufficient_data", None)
        assert "0 labelled snapshots to learn from, 100 are needed" in each["reason"]
    with db.transaction() as connection:
        assert connection.execute(select(models)).all() == []


def test_a_device_that_is_not_there_ends_the_training_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with db.transaction() as connection:
        add_tutor(connection)
    monkeypatch.setenv("TUTORMAX_TRAINING_DEVICE", "cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings.current.cache_clear()

    job = answered(train_models, train_models.send())

    assert job.state == "dead"
    assert "DeviceMissingError: TUTORMAX_TRAINING_DEVICE=cuda, but" in job.error


def test_a_training_that_is_cancelled_stops_within_seconds() -> None:
    with db.transaction() as connection:
        add_tutor(connection)
    job = train_models_on_demand.send(Population.CUSTOMER)
    with db.engine().connect() as blocker:
        # The child waits here for as long as nobody ends it.
        blocker.execute(text("lock table sessions in access exclusive mode"))
        worker = threading.Thread(target=train_models_on_demand.answer, args=(str(job),))
        worker.start()
        assert eventually(children_at_work)
        with db.transaction() as connection:
            connection.execute(update(jobs).where(jobs.c.job_id == job).values(cancel_requested=True))
        worker.join(20)

        assert not worker.is_alive()
    assert row_of(job).state == "cancelled"
    assert eventually(lambda: not children_at_work())


def eventually(holds: Callable[[], object]) -> bool:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.1)
    return False
