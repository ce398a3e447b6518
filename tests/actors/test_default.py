"""Models put in front and taken back by hand: who may serve, what is written down, and what stays as it was."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, select

from actors.default import promote_model, roll_back_model
from ml import artefact, links, registry, serving
from ml.gate import Decision
from ml.registry import Registered
from tests.ml.trained import AT, FACTS, files
from tutormax import db, settings
from tutormax.jobs import JobActor, ring
from tutormax.populations import Population
from tutormax.tables import audit_log, jobs, models

SYNTHETIC = Population.SYNTHETIC


@pytest.fixture
def directory(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the synthetic models of this test are."""
    assert database
    monkeypatch.setenv("WORKER_MODEL_SAVE_PATH", str(tmp_path))
    settings.current.cache_clear()
    ring.use(None)
    return serving.shelf().directory(SYNTHETIC)


def entered(directory: Path, at: datetime, decision: Decision = Decision.PROMOTE) -> str:
    """Publish a model and enter it; return its name."""
    made = artefact.publish(directory, at, files(), FACTS)
    version = str(FACTS["feature_version"])
    registered = Registered(SYNTHETIC, made.version, version, made.manifest_sha256, at, at)
    with db.transaction() as connection:
        met = registry.champion(connection, SYNTHETIC)
        registry.enter(
            connection,
            registered,
            decision,
            reason="a test",
            metrics={},
            met=met.model_id if met else None,
            directory=directory,
        )
    return registered.model_id


def answered(actor: JobActor[Any, Any], job: UUID) -> Row[Any]:
    actor.answer(str(job))
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def statuses() -> dict[str, str]:
    with db.transaction() as connection:
        return {row.model_id: row.status for row in connection.execute(select(models))}


def audited() -> list[Row[Any]]:
    with db.transaction() as connection:
        return list(connection.execute(select(audit_log).order_by(audit_log.c.at)).all())


def test_the_champion_before_serves_again_and_the_link_names_it(directory: Path) -> None:
    older, newer = entered(directory, AT), entered(directory, AT + timedelta(days=1))

    job = answered(roll_back_model, roll_back_model.send(SYNTHETIC, "cli:ann", "scores everybody high"))

    assert (job.state, job.result) == ("done", {"model_id": older})
    assert statuses() == {older: "champion", newer: "rejected"}
    assert links.target(directory) == older.partition("/")[2]
    assert links.target(directory, links.PREVIOUS) is None
    [row] = audited()
    assert (row.who, row.action, row.subject, row.reason) == (
        "cli:ann",
        "roll back model",
        older,
        "scores everybody high",
    )
    assert row.details == {"instead_of": newer}


def test_a_rejected_model_is_promoted_by_hand_and_that_is_written_down(directory: Path) -> None:
    champion = entered(directory, AT)
    rejected = entered(directory, AT + timedelta(days=1), Decision.REFUSE)

    job = answered(promote_model, promote_model.send(rejected, "cli:ann", "the week was thin"))

    assert job.state == "done"
    assert statuses() == {champion: "retired", rejected: "champion"}
    assert audited()[0].details == {"instead_of": champion, "was": "rejected"}


def test_a_model_that_cannot_be_loaded_does_not_serve(directory: Path) -> None:
    older, newer = entered(directory, AT), entered(directory, AT + timedelta(days=1))
    booster = directory / older.partition("/")[2] / "churn_30d.ubj"
    booster.write_bytes(booster.read_bytes()[:-1] + b"x")

    job = answered(roll_back_model, roll_back_model.send(SYNTHETIC, "cli:ann", "why not"))

    assert (job.state, job.error_type) == ("dead", "ArtefactError")
    assert statuses() == {older: "retired", newer: "champion"}
    assert links.target(directory) == newer.partition("/")[2]
    assert audited() == []


@pytest.mark.parametrize("name", ["synthetic/20200101_000000", "../../etc", "nobody/20260615_020000"])
def test_a_name_of_no_model_is_refused(directory: Path, name: str) -> None:
    champion = entered(directory, AT)

    job = answered(promote_model, promote_model.send(name, "cli:ann", "why not"))

    assert (job.state, job.error_type) == ("dead", "UnknownModelError")
    assert statuses() == {champion: "champion"}


def test_without_a_champion_before_there_is_nothing_to_go_back_to(directory: Path) -> None:
    champion = entered(directory, AT)

    job = answered(roll_back_model, roll_back_model.send(SYNTHETIC, "cli:ann", "why not"))

    assert job.error_type == "NoPreviousModelError"
    assert statuses() == {champion: "champion"}
