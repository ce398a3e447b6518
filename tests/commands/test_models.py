"""`python -m tutormax models`: what it prints, and that it changes what serves only by a job that a worker answers."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from actors.default import promote_model, roll_back_model
from tests.ml.trained import AT
from tests.surroundings import a_day_ahead
from tutormax import db, settings
from tutormax.__main__ import main
from tutormax.commands import models as models_command
from tutormax.jobs import JobActor, ring
from tutormax.tables import jobs, models

OLDER, NEWER = "synthetic/20260615_020000", "synthetic/20260616_020000"
ACTORS: dict[str, JobActor[Any, Any]] = {actor.actor_name: actor for actor in (promote_model, roll_back_model)}


@pytest.fixture(autouse=True)
def two_models(database: str) -> None:
    """A champion and the one before it, by their rows alone."""
    assert database
    check = {"name": "30-day AUC", "bound": "at least 0.75", "value": 0.881, "verdict": "passed"}
    for model_id, status, auc in ((OLDER, "retired", 0.87), (NEWER, "champion", 0.88)):
        record = {"quality": {"challenger": {"auc": auc, "skill": 0.3, "log_loss": 0.24}}}
        with db.transaction() as connection:
            connection.execute(
                insert(models).values(
                    model_id=model_id,
                    population="synthetic",
                    status=status,
                    feature_version="58.1-x",
                    manifest_sha256="0" * 64,
                    as_of=AT,
                    trained_at=AT + timedelta(days=model_id == NEWER),
                    metrics={"gate": {"checks": [check]}, "horizons": {"30": record}},
                    reason="every check passed",
                )
            )


@pytest.fixture
def worker() -> Iterator[None]:
    """Whatever is asked for is answered, as a worker would."""
    stop = threading.Event()
    thread = threading.Thread(target=_answer, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join()


def _answer(stop: threading.Event) -> None:
    while not stop.is_set():
        with db.transaction() as connection:
            pending = connection.execute(select(jobs).where(jobs.c.state == "pending")).all()
        ring.use(None)
        for job in pending:
            ACTORS[job.actor].answer(str(job.job_id))
        time.sleep(0.05)


def test_models_are_listed_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    assert [row["model_id"] for row in json.loads(capsys.readouterr().out)] == [NEWER, OLDER]

    assert main(["models", "list"]) == 0
    printed = capsys.readouterr().out
    assert "champion" in printed
    assert "0.880" in printed


def test_a_model_is_shown_by_its_version_with_the_gates_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "20260615_020000"]) == 0

    printed = capsys.readouterr().out
    assert "30-day AUC" in printed
    assert "at least 0.75" in printed
    assert "0.8700" in printed


def test_a_model_is_compared_with_the_champion_unless_another_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "compare", OLDER, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [(row["model_id"], row["records"]["30"]["auc"]) for row in found] == [(OLDER, 0.87), (NEWER, 0.88)]


@pytest.mark.usefixtures("worker")
def test_a_refusal_of_the_worker_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The rows name files that are not there.
    (tmp_path / "synthetic").mkdir()
    monkeypatch.setenv("WORKER_MODEL_SAVE_PATH", str(tmp_path))
    settings.current.cache_clear()
    assert main(["models", "promote", OLDER, "--reason", "a test"]) == 1

    assert "ArtefactError" in capsys.readouterr().err


def test_without_a_worker_it_is_told_and_nothing_happens_later(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "rollback", "--reason", "a test", "--timeout", "0.3", "--json"]) == 124

    assert "does a worker of the default queue run?" in capsys.readouterr().err
    with db.transaction() as connection:
        [job] = connection.execute(select(jobs)).all()
    assert job.expires_at - job.created_at < timedelta(seconds=1)


def test_nothing_happens_later_whatever_the_clock_of_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    a_day_ahead(monkeypatch, models_command)

    assert main(["models", "rollback", "--reason", "a test", "--timeout", "0.3"]) == 124

    with db.transaction() as connection:
        [job] = connection.execute(select(jobs)).all()
    assert job.expires_at - job.created_at < timedelta(minutes=1)


def test_what_is_asked_for_is_what_the_actors_take() -> None:
    main(["models", "rollback", "--reason", "a test", "--timeout", "0"])
    main(["models", "promote", OLDER, "--reason", "a test", "--timeout", "0"])

    with db.transaction() as connection:
        asked = connection.execute(select(jobs)).all()
    assert {job.actor for job in asked} == ACTORS.keys()
    for job in asked:
        assert ACTORS[job.actor].queue_name == job.queue
        assert ACTORS[job.actor].arguments.unpack(job.args)


def test_an_unknown_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "20200101_000000"]) == 1

    assert "there is no model '20200101_000000'" in capsys.readouterr().err
