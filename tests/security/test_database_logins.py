"""Logins of the roles of deploy/postgresql/roles.sql do their work where init.sh lets in nobody else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from tests.faults.harness import ROOT
from tests.ingest.files import SESSION, TUTOR, write
from tutormax import db, partitions

NOW = datetime.now(UTC)
LOGINS = {"a_worker": "tutormax_product", "a_watcher": "tutormax_readonly"}
NOBODY = "a_stranger"


@pytest.fixture
def closed(database: str, engine: Engine) -> Iterator[str]:
    """A database that only those come into who have the right, with a login of each role and one of none."""
    name = make_url(database).database
    with db.transaction() as connection:
        partitions.ensure(connection, NOW, NOW + timedelta(days=62))
        connection.execute(text(f"revoke all on database {name} from public"))
        connection.exec_driver_sql((ROOT / "deploy/postgresql/roles.sql").read_text(encoding="utf-8"))
        connection.execute(text(f"create role {NOBODY} login"))
        for login, role in LOGINS.items():
            connection.execute(text(f"create role {login} login in role {role}"))
    yield database
    with db.transaction() as connection:
        connection.execute(text("drop owned by tutormax_product, tutormax_readonly"))
    with engine.begin() as connection:
        connection.execute(text(f"drop role {', '.join([*LOGINS, NOBODY, *LOGINS.values()])}"))


def url_of(database: str, login: str) -> str:
    return make_url(database).set(username=login).render_as_string(hide_password=False)


def run(database: str, login: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m ...` as one of the logins."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url_of(database, login)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_who_works_comes_in_and_the_doctor_finds_nothing_that_it_lacks(closed: str) -> None:
    told = run(closed, "a_worker", "tutormax", "doctor", "--json")

    [rights] = [finding for finding in json.loads(told.stdout) if finding["name"] == "rights"]
    assert rights["level"] == "well", rights["said"]


def test_who_works_takes_files_in(closed: str, tmp_path: Path) -> None:
    this_month = SESSION | {"scheduled_start": f"{NOW:%Y-%m-%dT%H:%M:%S}"}
    files = [write(tmp_path, "tutors.csv", [TUTOR]), write(tmp_path, "sessions.csv", [this_month])]

    taken = run(closed, "a_worker", "tutormax.ingest", "--organization", "Acme", "--timezone", "UTC", *files)

    assert taken.returncode == 0, taken.stdout + taken.stderr


def test_of_a_month_without_a_place_who_works_is_told_that_the_owner_makes_it(closed: str, tmp_path: Path) -> None:
    long_ago = SESSION | {"scheduled_start": "2020-01-05T10:00:00"}
    files = [write(tmp_path, "tutors.csv", [TUTOR]), write(tmp_path, "sessions.csv", [long_ago])]

    refused = run(closed, "a_worker", "tutormax.ingest", "--organization", "Acme", "--timezone", "UTC", *files)

    assert refused.returncode == 1
    assert "sessions_2020_01, and this login may not make one: do the same once as the owner" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_who_looks_comes_in_and_makes_nothing_and_nobody_else_comes_in(closed: str) -> None:
    bare = {login: url_of(closed, login).replace("+psycopg", "") for login in (*LOGINS, NOBODY)}

    with psycopg.connect(bare["a_watcher"]) as watcher:
        assert watcher.execute("select count(*) from jobs").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            watcher.execute("create temporary table loot (n integer)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(bare[NOBODY])
