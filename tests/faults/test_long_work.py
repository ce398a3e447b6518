"""Long work stops when told to, keeps how far it came, and goes on without having spent an attempt."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from sqlalchemy import Row, text

from actors.data_generation import generate_synthetic_data
from actors.prediction import batch_predict_churn
from actors.training import train_models_on_demand
from tests.factories import add_session, add_tutor
from tests.faults.harness import ROOT, Redis, eventually
from tutormax import db, processes
from tutormax.jobs import ring
from tutormax.populations import Population

pytestmark = pytest.mark.timeout(300)

PATIENCE_SECONDS = 90.0
TUTORS = 100
DAY = timedelta(days=1)


@pytest.fixture
def own_redis(database: str) -> Iterator[Redis]:
    """A Redis of the test's own; this process rings for nobody, the test does."""
    assert database
    started = Redis()
    yield started
    started.close()


@contextmanager
def worker(redis: Redis, queue: str, models: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker of one queue, told of every pending job; kill it at the end if nobody stopped it."""
    environment = os.environ | {
        "DRAMATIQ_BROKER_URL": redis.url,
        "WORKER_CHURN_BATCH_SIZE": "1",
        "WORKER_MODEL_SAVE_PATH": str(models),
    }
    command = processes.worker_command([queue], threads=1)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ring_for(redis: Redis, job: UUID, actor: Any) -> None:
    """Ring for a job."""
    from tutormax import broker  # noqa: PLC0415 - it would become this process's broker

    bell = broker.DoorbellBroker(redis.url)
    bell.ring([ring.Doorbell(job, actor.actor_name, actor.queue_name)])
    bell.close()


def row_of(job: UUID) -> Row[Any]:
    """Return the row of a job."""
    with db.transaction() as connection:
        return connection.execute(text("select * from jobs where job_id = :job"), {"job": job}).one()


def stopped(redis: Redis, models: Path, job: UUID, actor: Any, begun: Callable[[], bool]) -> None:
    """Let a worker begin a job, and stop it in the middle."""
    ring_for(redis, job, actor)
    with worker(redis, actor.queue_name, models) as first:
        eventually(begun, seconds=PATIENCE_SECONDS)
        first.terminate()
        first.wait(PATIENCE_SECONDS)


def resumed(redis: Redis, models: Path, job: UUID, actor: Any) -> None:
    """Let another worker end a job."""
    ring_for(redis, job, actor)
    with worker(redis, actor.queue_name, models):
        eventually(lambda: row_of(job).state == "done", seconds=PATIENCE_SECONDS)


def test_batch_scoring_goes_on_with_the_tutors_that_are_missing(own_redis: Redis, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    tutors = []
    with db.transaction() as connection:
        for _ in range(TUTORS):
            tutors.append(add_tutor(connection, joined_at=now - 100 * DAY))
            add_session(connection, tutors[-1], scheduled_start=now - DAY)
    job = batch_predict_churn.send(now)

    def half_done() -> bool:
        return bool(row_of(job).cursor) and row_of(job).cursor["scored"] == TUTORS // 2

    with db.engine().connect() as blocker:
        # The worker waits for this one, however fast it is, for as long as nobody ends it.
        blocker.execute(text("select from tutors where tutor_id = :tutor for update"), {"tutor": tutors[TUTORS // 2]})
        stopped(own_redis, tmp_path, job, batch_predict_churn, half_done)
        between = row_of(job)
    resumed(own_redis, tmp_path, job, batch_predict_churn)

    assert (between.state, between.attempts, between.recoveries) == ("pending", 0, 0)
    assert between.cursor["scored"] == TUTORS // 2
    ended = row_of(job)
    assert (ended.attempts, ended.result["tutors"]) == (1, TUTORS)
    with db.transaction() as connection:
        counted = connection.execute(
            text("select count(*) as rows, count(distinct tutor_id) as tutors from churn_predictions")
        )
        assert counted.one() == (TUTORS, TUTORS)


def test_a_sample_is_made_whole_by_whoever_takes_it_over(own_redis: Redis, tmp_path: Path) -> None:
    job = generate_synthetic_data.send(400, 300_000)

    stopped(own_redis, tmp_path, job, generate_synthetic_data, lambda: row_of(job).progress is not None)
    between = row_of(job)
    resumed(own_redis, tmp_path, job, generate_synthetic_data)

    assert (between.state, between.attempts, between.recoveries) == ("pending", 0, 0)
    assert (row_of(job).attempts, row_of(job).result["rows"]["sessions"] >= 300_000) == (1, True)
    with db.transaction() as connection:
        assert connection.execute(text("select count(*) from organizations")).scalar_one() == 1


def test_a_training_ends_with_its_worker_and_begins_again(own_redis: Redis, tmp_path: Path) -> None:
    with db.transaction() as connection:
        add_tutor(connection)
    job = train_models_on_demand.send(Population.CUSTOMER)
    children = "select count(*) from pg_stat_activity where application_name = 'tutormax training' and state = 'active'"

    def training() -> bool:
        with db.transaction() as connection:
            return bool(connection.execute(text(children)).scalar_one())

    ring_for(own_redis, job, train_models_on_demand)
    with db.engine().connect() as blocker:
        # The training waits here for as long as nobody ends it.
        blocker.execute(text("lock table sessions in access exclusive mode"))
        with worker(own_redis, train_models_on_demand.queue_name, tmp_path) as first:
            eventually(training, seconds=PATIENCE_SECONDS)
            started = psutil.Process(first.pid).children(recursive=True)
            first.terminate()
            assert first.wait(PATIENCE_SECONDS) == 0
        eventually(lambda: not any(process.is_running() for process in started), seconds=PATIENCE_SECONDS)
        between = row_of(job)
    ring_for(own_redis, job, train_models_on_demand)
    with worker(own_redis, train_models_on_demand.queue_name, tmp_path):
        eventually(lambda: row_of(job).state == "done", seconds=PATIENCE_SECONDS)

    assert (between.state, between.attempts, between.recoveries) == ("pending", 0, 0)
    assert row_of(job).attempts == 1


def test_an_ingest_that_is_stopped_keeps_whole_files_and_goes_on_with_the_others(database: str, tmp_path: Path) -> None:
    assert database
    (tmp_path / "tutors.csv").write_text("tutor_id,joined_at\n" + "".join(f"t{n},2026-01-05\n" for n in range(50)))
    header = "session_id,tutor_id,student_id,session_number,scheduled_start,duration_minutes,status\n"
    line = "s{n},t{t},p1,1,2026-06-01T10:00:00,60,completed\n"
    (tmp_path / "sessions.csv").write_text(header + "".join(line.format(n=n, t=n % 50) for n in range(150_000)))
    command = [sys.executable, "-m", "tutormax.ingest", "--organization", "Acme", "--timezone", "UTC"]
    files = [str(tmp_path / "tutors.csv"), str(tmp_path / "sessions.csv")]

    def tutors() -> int:
        with db.transaction() as connection:
            return int(connection.execute(text("select count(*) from tutors")).scalar_one())

    with subprocess.Popen([*command, *files], cwd=ROOT, stderr=subprocess.PIPE, text=True) as stopped:
        eventually(lambda: tutors() == 50, seconds=PATIENCE_SECONDS)
        stopped.terminate()
        said = stopped.communicate(timeout=PATIENCE_SECONDS)[1]
    with db.transaction() as connection:
        half = connection.execute(text("select count(*) from sessions")).scalar_one()
    again = subprocess.run([*command, "--json", *files], cwd=ROOT, capture_output=True, check=True)

    assert (stopped.returncode, half) == (130, 0)
    assert "interrupted; files that were not finished are not taken in" in said
    assert "Traceback" not in said
    assert again.returncode == 0
    with db.transaction() as connection:
        assert connection.execute(text("select count(*) from sessions")).scalar_one() == 150_000
