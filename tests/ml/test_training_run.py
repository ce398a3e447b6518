"""A training from end to end on a small marketplace: first model, second against it, one at a time, never half done."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection, Engine, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from ml import artefact, candidate, history, links, packing, registry, training_process, training_run
from ml.candidate import Candidate, Terms
from ml.dataset import training_dataset
from ml.features.build import microseconds
from ml.gate import Decision, Verdict
from ml.registry import ModelStatus, Registered
from ml.training_process import TrainingFailedError, TrainingRefusedError
from ml.training_told import Outcome, Request
from tutormax import db, schema, servers, settings
from tutormax.generation.history import make_history
from tutormax.generation.process import Parameters
from tutormax.populations import Population
from tutormax.tables import models

END = datetime(2026, 6, 15, tzinfo=UTC)
SYNTHETIC = Population.SYNTHETIC


class StoppedError(Exception):
    """Whoever waits for the training wants no more of it."""


@pytest.fixture(scope="module")
def url(endpoints: servers.Endpoints, engine: Engine) -> Iterator[str]:
    """A database with a marketplace of 120 tutors and 150 days."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("create database training_run")
    made = make_url(endpoints.database_url).set(database="training_run").render_as_string(hide_password=False)
    own = db.connect(made)
    with own.begin() as connection:
        schema.upgrade(connection)
        make_history(
            connection,
            organization="synthetic",
            end=END,
            days=150,
            seed=3,
            parameters=replace(Parameters(), tutors=120),
        )
    own.dispose()
    yield made
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("drop database training_run with (force)")


@pytest.fixture
def own(url: str) -> Iterator[Engine]:
    made = db.connect(url)
    yield made
    with made.begin() as connection:
        connection.execute(models.delete())
    made.dispose()


@dataclass(frozen=True, slots=True)
class First:
    """The first training of the marketplace, in a child, and what was told of it."""

    request: Request
    outcome: Outcome
    told: Sequence[int]

    @property
    def directory(self) -> Path:
        """Where it was published."""
        return Path(self.request.root) / SYNTHETIC


@pytest.fixture(scope="module")
def first(url: str, tmp_path_factory: pytest.TempPathFactory) -> First:
    request = asked_at(tmp_path_factory.mktemp("first"))
    told: list[int] = []
    outcome = training_process.run(request, database_url=url, progress=lambda done, _: told.append(done))
    return First(request, outcome, told)


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    return asked_at(tmp_path)


def asked_at(root: Path) -> Request:
    """Return the request for a training of the marketplace."""
    return Request(
        population=SYNTHETIC,
        as_of=END,
        history_days=210,
        trained_at=END + timedelta(hours=2),
        root=str(root),
        seed=7,
        threads=2,
        least_rows=100,
        test_share=0.2,
    )


def silent(done: int, note: str) -> None:
    """Hear nothing."""


def entered(connection: Connection, request: Request, outcome: Outcome) -> Registered:
    assert outcome.version is not None
    assert outcome.decision is not None
    made = Registered(
        request.population,
        outcome.version,
        str(outcome.feature_version),
        str(outcome.manifest_sha256),
        request.as_of,
        request.trained_at,
    )
    registry.enter(
        connection,
        made,
        outcome.decision,
        reason=outcome.reason,
        metrics=outcome.metrics or {},
        met=outcome.met,
        directory=Path(request.root) / request.population,
    )
    return made


def lock_is_free(engine: Engine) -> bool:
    with engine.begin() as connection:
        return bool(
            connection.execute(text("select pg_try_advisory_xact_lock(hashtext('tutormax training'))")).scalar_one()
        )


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.1)
    return False


def checks_of(outcome: Outcome) -> dict[str, dict[str, object]]:
    """Return what the gate said, by the names of its rules."""
    assert outcome.metrics is not None
    return {check["name"]: check for check in msgspec.to_builtins(outcome.metrics)["gate"]["checks"]}


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"


def test_a_child_trains_the_first_model(own: Engine, first: First) -> None:
    assert (first.outcome.status, first.outcome.decision, first.outcome.met) == ("trained", Decision.PROMOTE, None)
    assert list(first.told) == sorted(first.told)
    assert {0, 60, 95} <= set(first.told)
    with own.connect() as connection:
        champion = entered(connection, first.request, first.outcome)
        connection.commit()
        db.committed(connection)
    assert links.target(first.directory) == champion.version == "20260615_020000"


def test_the_next_model_meets_the_champion_and_is_remembered(own: Engine, first: First) -> None:
    with own.begin() as connection:
        champion = entered(connection, first.request, first.outcome)
    tomorrow = replace(first.request, trained_at=first.request.trained_at + timedelta(days=1))

    second = training_run.run(own, tomorrow, silent)

    assert second.met == champion.model_id
    compared = checks_of(second)
    assert compared["30-day log-loss over the champion"]["value"] == 0
    assert compared["30-day AUC over the champion"]["verdict"] == Verdict.PASSED
    assert compared["age of the newest raw row over what is allowed"]["verdict"] == Verdict.PASSED
    assert compared["30-day AUC, fraction of the oracle's"]["verdict"] == Verdict.PASSED
    assert [line["version"] for line in history.read(first.directory)] == ["20260615_020000", "20260616_020000"]
    assert history.broken_links(first.directory) == []


def test_the_same_rows_and_seed_are_published_as_the_same_bytes(own: Engine, first: First, request_: Request) -> None:
    again = training_run.run(own, replace(request_, threads=1), silent)

    published = artefact.read(Path(request_.root) / SYNTHETIC, str(again.version))
    assert published == artefact.read(first.directory, str(first.outcome.version))


def test_a_published_model_holds_what_its_users_need(first: First) -> None:
    found = artefact.read(first.directory, str(first.outcome.version), first.outcome.manifest_sha256)

    assert set(packing.unpack(found).predictors) == {7, 30, 90}
    metrics = msgspec.convert(found.json(packing.METRICS), dict)
    assert metrics["horizons"]["1"]["status"] == "skipped_insufficient_data"
    assert metrics["horizons"]["90"]["validated_on"] == "unseen tutors"
    assert metrics["horizons"]["30"]["quality"].keys() == {"challenger", "rule", "logistic_regression"}
    assert found.manifest["seed"] == 7
    assert msgspec.convert(found.manifest["unseen_from"], dict).keys() == {"7", "30"}


def test_a_population_without_tutors_is_skipped_with_the_reason(own: Engine, request_: Request) -> None:
    customer = replace(request_, population=Population.CUSTOMER)

    outcome = training_run.run(own, customer, silent)

    assert outcome.status == "skipped_insufficient_data"
    assert "30 days: 0 labelled snapshots to learn from, 100 are needed" in outcome.reason
    assert outcome.version is None
    [line] = history.read(Path(request_.root) / Population.CUSTOMER)
    assert line["status"] == "skipped_insufficient_data"


def test_leftovers_that_cannot_be_removed_fail_no_training(own: Engine, request_: Request) -> None:
    directory = Path(request_.root) / SYNTHETIC
    directory.mkdir()
    # No directory, so it cannot be removed as one.
    (directory / ".tmp-20260614_020000").touch()

    outcome = training_run.run(own, request_, silent)

    assert outcome.status == "trained"
    assert artefact.versions(directory) == [outcome.version]


@pytest.mark.parametrize("error", [OSError("stale file handle"), SQLAlchemyError("away")])
def test_old_models_of_which_nobody_knows_whether_they_are_needed_fail_no_training(
    own: Engine, request_: Request, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(registry, "needed", fail)

    outcome = training_run.run(own, replace(request_, population=Population.CUSTOMER), silent)

    assert outcome.status == "skipped_insufficient_data"


def test_of_two_trainings_one_runs(own: Engine, request_: Request) -> None:
    with own.connect() as other:
        other.execute(text("select pg_advisory_lock(hashtext('tutormax training'))"))
        outcome = training_run.run(own, request_, silent)
        other.rollback()
        other.invalidate()

    assert outcome.status == "already_running"
    assert list(Path(request_.root).iterdir()) == []
    assert eventually(lambda: lock_is_free(own))


def test_a_champion_that_cannot_be_read_keeps_no_model_from_being_trained(
    own: Engine, first: First, request_: Request
) -> None:
    with own.begin() as connection:
        champion = entered(connection, first.request, first.outcome)

    # Where this one looks, the champion's files are not.
    (Path(request_.root) / SYNTHETIC).mkdir()

    second = training_run.run(own, replace(request_, trained_at=request_.trained_at + timedelta(days=1)), silent)

    assert (second.met, second.decision) == (champion.model_id, Decision.PROMOTE)
    # Nor are the facts asked to be fresh, as they are to replace a model that serves.
    assert checks_of(second)["age of the newest raw row over what is allowed"]["verdict"] == Verdict.NOT_JUDGED
    with own.begin() as connection:
        entered(connection, request_, second)
        statuses = connection.execute(select(models.c.status)).scalars()
        assert sorted(statuses) == [ModelStatus.CHAMPION, ModelStatus.RETIRED]


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        ("leak", "30-day AUC, ceiling"),
        ("shuffle", "30-day AUC"),
    ],
)
def test_spoilt_data_make_a_model_that_is_refused(own: Engine, request_: Request, spoil: str, rule: str) -> None:
    with own.begin() as connection:
        dataset = training_dataset(connection, population=SYNTHETIC, as_of=END, history_days=210)
    labels = dataset.labels[30]
    if spoil == "leak":
        dataset.features.values[:, 0] = np.where(labels == 1, 9, 1) + dataset.features.values[:, 0] / 100
    else:
        mature = np.flatnonzero(labels >= 0)
        labels[mature] = np.random.default_rng(0).permutation(labels[mature])
    terms = Terms(SYNTHETIC, microseconds(END), seed=7, threads=2, least_rows=100, test_share=0.2)

    made = candidate.make(dataset, None, terms, lambda *_: None)

    assert isinstance(made, Candidate)
    assert made.judgement.decision is Decision.REFUSE
    assert rule in {check.name for check in made.judgement.checks if check.verdict is Verdict.FAILED}


def test_a_child_does_not_outlive_the_process_that_started_it(url: str, own: Engine, request_: Request) -> None:
    with own.connect() as blocker:
        # The child waits here for as long as nobody ends it.
        blocker.execute(text("lock table sessions in access exclusive mode"))
        child = subprocess.Popen(
            training_process.COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"DATABASE_URL": url},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(request_) + b"\n")
        child.stdin.flush()
        assert b"reading features" in child.stdout.readline()

        child.stdin.close()

        assert child.wait(20) == -9
        child.stdout.close()
    assert eventually(lambda: lock_is_free(own))
    assert artefact.versions(Path(request_.root) / SYNTHETIC) == []


def fake(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_of_a_process_with_embedded_servers_has_settings(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a newcomer starts it: nothing is named, and the servers are those of this directory.
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "DRAMATIQ_BROKER_URL", "TUTORMAX_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    settings.current.cache_clear()
    told = "from tutormax import settings; print('{\"error\": \"here: ' + str(settings.current().data_dir) + '\"}')"

    with pytest.raises(TrainingFailedError, match=f"here: {tmp_path / '.tutormax'}"):
        training_process.run(request_, database_url="postgresql://127.0.0.1/x", progress=silent, command=fake(told))
    settings.current.cache_clear()


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("import os; os.kill(os.getpid(), 11)", TrainingFailedError, "without a result: signal SIGSEGV"),
        ("raise SystemExit(3)", TrainingFailedError, "without a result: exit code 3"),
        ("""print('{"error": "OSError: disk full"}')""", TrainingFailedError, "OSError: disk full"),
        ("""print('{"error": "ArtefactError: no", "permanent": true}')""", TrainingRefusedError, "ArtefactError: no"),
    ],
)
def test_a_child_that_fails_says_why(request_: Request, code: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        training_process.run(request_, database_url="", progress=silent, command=fake(code))


def test_a_child_that_was_gone_before_it_was_asked_says_why(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def gone(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = start(*args, **options)
        child.wait()
        return child

    monkeypatch.setattr(subprocess, "Popen", gone)

    with pytest.raises(TrainingFailedError, match="without a result: signal SIGKILL"):
        training_process.run(
            request_, database_url="", progress=silent, command=fake("import os; os.kill(os.getpid(), 9)")
        )


def test_a_child_that_hangs_is_ended_with_all_that_it_started(request_: Request, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, subprocess, sys, time
deaf = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{deaf.pid}}")
print('{{"done": 1}}', flush=True)
time.sleep(600)
"""

    def stop(done: int, note: str) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        training_process.run(request_, database_url="", progress=stop, command=fake(code))

    assert eventually(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def test_a_training_does_not_hear_that_its_whole_group_is_to_stop() -> None:
    # When it ends is up to the worker that asked for it.
    with subprocess.Popen([sys.executable, "-m", "ml.training_run"], stdin=subprocess.PIPE) as training:
        status = Path(f"/proc/{training.pid}/status")

        assert eventually(lambda: _ignored(status) & 1 << signal.SIGTERM - 1 != 0)
        training.kill()


def _ignored(status: Path) -> int:
    return int(re.findall(r"SigIgn:\s+(\w+)", status.read_text())[0], 16)
