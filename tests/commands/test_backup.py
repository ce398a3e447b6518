"""What is lost but for the backup comes back whole, and the doctor has nothing to find."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text

from ml import artefact
from tests.factories import add_session, add_tutor
from tutormax import backup, db, partitions
from tutormax.tables import metadata

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)

Rows = dict[str, list[str]]


def tutormax(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tutormax", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def told(*arguments: str, **environment: str) -> Any:
    done = tutormax(*arguments, "--json", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def everything(url: str) -> Rows:
    """Return every row of every table, as text."""
    engine = db.connect(url)
    with engine.connect() as connection:
        rows = {
            table: sorted(connection.execute(text(f"select t::text from {table} as t")).scalars())
            for table in [*metadata.tables, "alembic_version"]
        }
    engine.dispose()
    return rows


@pytest.fixture
def models(database: str, tmp_path: Path) -> Path:
    """The models' directory of a database with tutors, sessions, jobs and a champion."""
    assert database
    root = tmp_path / "models"
    made = artefact.publish(root / "customer", NOW, {"booster.ubj": bytes(range(256)) * 400}, {})
    (root / "customer" / "churn_model_latest").symlink_to(made.version)
    (root / "customer" / ".tmp-20991231_000000").mkdir()
    with db.transaction() as connection:
        partitions.ensure(connection, NOW, NOW + timedelta(days=62))
        for _ in range(5):
            tutor = add_tutor(connection)
            for _ in range(20):
                add_session(connection, tutor)
        connection.execute(
            text(
                "insert into models (model_id, population, status, feature_version, manifest_sha256, as_of, trained_at,"
                " metrics) values (:id, 'customer', 'champion', '1', :sha, now(), now(), '{}')"
            ),
            {"id": f"customer/{made.version}", "sha": made.manifest_sha256},
        )
    return root


@pytest.fixture
def empty(database: str, engine: Engine) -> Iterator[str]:
    """Another database, with nothing in it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("create database restored")
    yield make_url(database).set(database="restored").render_as_string(hide_password=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("drop database restored with (force)")


@pytest.fixture
def written(models: Path, tmp_path: Path) -> Path:
    """A backup."""
    made = told("backup", str(tmp_path / "backups"), WORKER_MODEL_SAVE_PATH=str(models))
    assert made["models"] == 1
    return Path(made["backup"])


def test_a_restore_brings_every_row_and_every_model_back_and_the_doctor_finds_no_fault(
    database: str, models: Path, written: Path, empty: str, tmp_path: Path
) -> None:
    there = {"DATABASE_URL": empty, "WORKER_MODEL_SAVE_PATH": str(tmp_path / "new machine" / "models")}

    restored = tutormax("restore", str(written), **there)

    assert restored.returncode == 0, restored.stdout + restored.stderr
    before, after = everything(database), everything(empty)
    assert (len(before["tutors"]), len(before["sessions"])) == (5, 100)
    assert after == before
    findings = told("doctor", **there)
    assert [each["name"] for each in findings if each["level"] == "fault"] == []
    assert {"name": f"model customer/{(models / 'customer' / 'churn_model_latest').readlink()}", "level": "well"} in [
        {"name": each["name"], "level": each["level"]} for each in findings
    ]
    assert tutormax("migrate", **there).returncode == 0
    link = tmp_path / "new machine" / "models" / "customer" / "churn_model_latest"
    assert (link.resolve() / "booster.ubj").read_bytes() == bytes(range(256)) * 400


def test_a_backup_is_for_its_owner_alone_and_holds_nothing_unfinished(written: Path) -> None:
    assert written.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in written.parent.iterdir()) == [written.name]
    assert not list(written.rglob(".tmp-*"))


@pytest.mark.parametrize("victim", ["database.dump", "models/customer/2*/booster.ubj"])
def test_a_backup_that_was_damaged_is_refused_before_anything_is_written(
    written: Path, empty: str, tmp_path: Path, victim: str
) -> None:
    [file] = written.glob(victim)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    refused = tutormax("restore", str(written), DATABASE_URL=empty, WORKER_MODEL_SAVE_PATH=str(tmp_path / "new"))

    assert refused.returncode == 1
    assert "not what was written" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_a_directory_that_is_no_backup_is_refused(empty: str, tmp_path: Path) -> None:
    refused = tutormax("restore", str(tmp_path), DATABASE_URL=empty)

    assert (refused.returncode, "is no backup" in refused.stderr) == (1, True)


def test_nothing_is_restored_over_what_is_there(
    written: Path, database: str, empty: str, models: Path, tmp_path: Path
) -> None:
    database_full = tutormax("restore", str(written), DATABASE_URL=database, WORKER_MODEL_SAVE_PATH=str(tmp_path / "n"))
    models_full = tutormax("restore", str(written), DATABASE_URL=empty, WORKER_MODEL_SAVE_PATH=str(models))

    assert (database_full.returncode, "create an empty one" in database_full.stderr) == (1, True)
    assert (models_full.returncode, "is not empty" in models_full.stderr) == (1, True)


def test_a_backup_that_cannot_be_finished_leaves_none(models: Path, tmp_path: Path) -> None:
    failed = tutormax(
        "backup",
        str(tmp_path / "backups"),
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        WORKER_MODEL_SAVE_PATH=str(models),
    )

    assert failed.returncode == 1
    assert "refused" in failed.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_nothing_is_no_backup(empty: str, tmp_path: Path) -> None:
    refused = tutormax("backup", str(tmp_path / "backups"), DATABASE_URL=empty)

    assert (refused.returncode, "name yours by DATABASE_URL" in refused.stderr) == (1, True)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_without_the_model_that_serves_is_refused(models: Path, tmp_path: Path) -> None:
    champion = (models / "customer" / "churn_model_latest").readlink()

    refused = tutormax("backup", str(tmp_path / "backups"), WORKER_MODEL_SAVE_PATH=str(tmp_path / "elsewhere"))

    assert refused.returncode == 1
    assert f"customer/{champion} serves and is not in {tmp_path / 'elsewhere'}" in refused.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_the_program_is_as_old_as_the_server_or_else_the_oldest_newer_one(tmp_path: Path) -> None:
    programs = [tmp_path / str(version) for version in (13, 18, 16, 15)]
    for program in programs:
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {program.name}.2 (Debian)'\n")
        program.chmod(0o755)

    chosen = {server: backup.best([*programs, tmp_path / "none"], server) for server in (15, 16, 17, 19)}

    assert chosen == {15: tmp_path / "15", 16: tmp_path / "16", 17: tmp_path / "18", 19: None}
