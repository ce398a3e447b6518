"""Secrets and people are in no log line, no repr, no dead letter and not in Redis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.factories import add_tutor
from tests.faults.harness import ROOT
from tests.jobs.probes import QUEUE
from tutormax import rescoring, settings
from tutormax.broker.envelope import pack
from tutormax.jobs import Request, insert, lease
from tutormax.jobs.lease import Failure
from tutormax.jobs.ring import Doorbell

SECRET = "s3cret-of-ours"  # noqa: S105 - of nothing


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "tutormax", "settings"),
        ("-m", "tutormax", "health", "all"),
        ("-m", "tutormax", "jobs", "list"),
        ("-m", "tutormax.enqueue", "canary_default"),
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_reach_its_servers_tells_no_password(command: tuple[str, ...], tmp_path: Path) -> None:
    nowhere = {
        "DATABASE_URL": f"postgresql://tutormax:{SECRET}@127.0.0.1:1/tutormax",
        "REDIS_URL": f"redis://tutormax:{SECRET}@127.0.0.1:1/0",
        "TUTORMAX_LOG_LEVEL": "DEBUG",
    }

    ended = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True, check=False
    )

    assert SECRET not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_secret_out_of_a_file_is_used_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text(f"postgresql://tutormax:{SECRET}@127.0.0.1/tutormax\n")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("REDIS_URL", "redis://localhost")

    made = settings.load()

    assert SECRET in str(made.external_database_url)
    assert SECRET not in repr(made) + str(made) + made.model_dump_json()


def test_a_dead_letter_keeps_neither_passwords_nor_rows_of_people(connection: Connection) -> None:
    [job] = insert(connection, [Request("leave_mark", QUEUE, {})])
    held = lease.take(connection, job, seconds=30, worker="test")
    assert held is not None
    told = (
        f"no route to redis://tutormax:{SECRET}@redis.example:6379\n"
        "DETAIL:  Failing row contains (7, Ann Example, ann@school.example).\n"
    )

    lease.bury(connection, held, Failure(told, "Error", f"Traceback:\n{told}"))

    kept = str(connection.execute(text("select error, traceback from jobs")).one())
    assert "redis.example" in kept
    for private in (SECRET, "Ann Example", "ann@school.example"):
        assert private not in kept


def test_what_travels_through_redis_names_a_job_and_nobody(connection: Connection) -> None:
    tutor = add_tutor(connection, name="Ann Example", external_id="ann@school.example")
    rescoring.request(connection, [tutor], "a rating of Bob Example")
    row = connection.execute(text("select job_id, actor, queue from jobs")).one()

    travels = pack(Doorbell(row.job_id, row.actor, row.queue)).decode()

    assert str(row.job_id) in travels
    assert "Example" not in travels
    assert f'"args":["{row.job_id}"],"kwargs":{{}},"options":{{}}' in travels
