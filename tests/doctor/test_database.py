"""The doctor looks at PostgreSQL, and at the models that it names."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from ml import artefact
from tests.doctor.found import found, said
from tests.schema_ahead import widen
from tutormax import db, partitions, schema, settings
from tutormax.doctor import Finding, Level, clocks, databases

NOW = datetime.now(UTC)


@pytest.fixture
def here(database: str) -> str:
    """A database in which all is well."""
    with db.transaction() as connection:
        partitions.ensure(connection, NOW, NOW + timedelta(days=62))
    return database


def looked(**changes: object) -> dict[str, Finding]:
    return found(databases.examine(settings.load(**changes)))


def levels(findings: dict[str, Finding]) -> dict[str, Level]:
    return {name: finding.level for name, finding in findings.items()}


def run(statement: str, **bound: object) -> None:
    with db.transaction() as connection:
        connection.execute(text(statement), bound)


@pytest.mark.usefixtures("here")
def test_where_all_is_well_only_the_superuser_is_a_warning() -> None:
    assert levels(looked()) == {
        "postgresql": Level.WELL,
        "clock of postgresql": Level.WELL,
        "migrations": Level.WELL,
        "rights": Level.WARNING,
        "partitions": Level.WELL,
        "models": Level.WELL,
    }


def test_a_database_that_is_away_or_is_not_there_is_a_fault(here: str) -> None:
    away, _ = said(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    other, code = said(DATABASE_URL=make_url(here).set(database="no_such").render_as_string(hide_password=False))

    assert "refused" in away["postgresql"]["said"]
    assert "no_such" in other["postgresql"]["said"]
    assert (other["postgresql"]["level"], code) == ("fault", 1)


@pytest.mark.usefixtures("here")
def test_pending_migrations_are_a_fault_and_nothing_more_is_looked_at() -> None:
    with db.transaction() as connection:
        schema.downgrade(connection, schema.revisions()[-2])

    findings = looked()

    assert findings["migrations"].level is Level.FAULT
    assert findings["migrations"].remedy.startswith("python -m tutormax migrate")
    assert findings.keys() == {"postgresql", "clock of postgresql", "migrations"}


@pytest.mark.usefixtures("here")
def test_a_schema_of_a_later_release_is_well_as_long_as_it_serves_this_one() -> None:
    with db.transaction() as connection:
        widen(connection)
    serves = looked()["migrations"]
    run("update schema_floor set revision = '9998'")

    assert (serves.level, "serves this code" in serves.said) == (Level.WELL, True)
    assert looked()["migrations"].level is Level.FAULT


@pytest.fixture
def role(engine: Engine) -> Iterator[str]:
    """A login that may do nothing yet."""
    with engine.begin() as connection:
        connection.execute(text("create role doctors_patient login"))
    yield "doctors_patient"
    with engine.begin() as connection:
        connection.execute(text("drop role doctors_patient"))


def test_a_role_without_rights_is_a_fault_and_with_them_all_is_well(role: str, here: str) -> None:
    url = make_url(here).set(username=role).render_as_string(hide_password=False)
    run(f"grant select on all tables in schema public to {role}")
    lacking, code = said(DATABASE_URL=url)
    run(f"grant insert, update, delete on all tables in schema public to {role}")
    granted, _ = said(DATABASE_URL=url)
    run(f"drop owned by {role}")

    assert (lacking["rights"]["level"], code) == ("fault", 1)
    assert "jobs: update" in lacking["rights"]["said"]
    assert granted["rights"]["level"] == "well"


@pytest.mark.usefixtures("here")
def test_a_missing_partition_is_a_warning() -> None:
    name = f"sessions_{NOW:%Y_%m}"
    run(f"drop table {name}")

    assert looked()["partitions"].level is Level.WARNING
    assert name in looked()["partitions"].said


@pytest.mark.parametrize(
    ("seconds", "level"), [(0.0, Level.WELL), (-1.6, Level.WARNING), (3.0, Level.WARNING), (-20.0, Level.FAULT)]
)
def test_clocks_that_are_apart_are_told(seconds: float, level: Level) -> None:
    answered = NOW + timedelta(milliseconds=100)

    assert clocks.compared("postgresql", NOW, NOW + timedelta(seconds=seconds), answered).level is level


def test_a_slow_answer_is_no_wrong_clock() -> None:
    assert clocks.compared("redis", NOW, NOW, NOW + timedelta(seconds=8)).level is Level.WELL


def publish(root: Path, *, status: str, hours: int) -> Path:
    """Publish a model of two files and enter it; return its directory."""
    at = NOW - timedelta(hours=hours)
    made = artefact.publish(root / "customer", at, {"a.json": b"{}", "b.ubj": b"booster"}, {})
    run(
        "insert into models"
        " (model_id, population, status, feature_version, manifest_sha256, as_of, trained_at, metrics)"
        " values (:id, 'customer', :status, '1', :sha, :at, :at, '{}')",
        id=f"customer/{made.version}",
        status=status,
        sha=made.manifest_sha256,
        at=at,
    )
    return root / "customer" / made.version


@pytest.mark.usefixtures("here")
def test_a_champion_whose_files_were_changed_is_a_fault_and_one_before_it_a_warning(tmp_path: Path) -> None:
    serving = publish(tmp_path, status="champion", hours=1)
    before = publish(tmp_path, status="retired", hours=30)
    forgotten = publish(tmp_path, status="retired", hours=60)
    whole = looked(WORKER_MODEL_SAVE_PATH=str(tmp_path))
    (serving / "b.ubj").write_bytes(b"boostes")
    (before / "a.json").unlink()
    (forgotten / "a.json").unlink()

    broken = looked(WORKER_MODEL_SAVE_PATH=str(tmp_path))

    names = [f"model customer/{each.name}" for each in (serving, before)]
    assert [whole[name].level for name in names] == [Level.WELL, Level.WELL]
    assert [broken[name].level for name in names] == [Level.FAULT, Level.WARNING]
    assert f"model customer/{forgotten.name}" not in broken


@pytest.mark.usefixtures("here")
def test_a_champion_with_another_manifest_or_none_is_a_fault(tmp_path: Path) -> None:
    serving = publish(tmp_path, status="champion", hours=1)
    manifest = serving / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    forged = looked(WORKER_MODEL_SAVE_PATH=str(tmp_path))[f"model customer/{serving.name}"]
    manifest.unlink()
    gone = looked(WORKER_MODEL_SAVE_PATH=str(tmp_path))[f"model customer/{serving.name}"]

    assert [forged.level, gone.level] == [Level.FAULT, Level.FAULT]
    assert "not the one that was recorded" in forged.said
    assert "No such file" in gone.said
