"""What runbooks and operations.md quote is run: on a database with a dead job and two models, and on a real Redis."""

import contextlib
import io
import re
import subprocess
from collections.abc import Callable
from importlib import import_module
from uuid import UUID

import pytest
import redis
from sqlalchemy import text

import schedules.__main__
import tutormax.__main__
from schedules.tick import tick
from schedules.timetable import timetable
from tests.deploy import quoted
from tests.deploy.quoted import EXAMPLES
from tutormax import db, enqueue, servers, settings
from tutormax.jobs import Request, insert

MAINS: dict[str, Callable[[list[str]], int]] = {
    "tutormax": tutormax.__main__.main,
    "tutormax.enqueue": enqueue.main,
    "schedules": schedules.__main__.main,
}

# What serves until it is stopped, and who starts it.
SERVING = {
    r"python -m tutormax up.*": "tests/acceptance/test_a_desk.py",
    r"python -m tutormax\.exporter": "tests/test_notify.py",
    r"python -m schedules": "tests/schedules/test_process.py",
    r"dramatiq .*": "tests/acceptance/test_a_customers_tutors.py",
}
DONE, NOT_DONE, NOT_IN_TIME = 0, 1, 124
# Nobody works in this test: who waits for a job waits in vain. Ports are the machine's, and others may answer there.
EXPECTED = {
    r"python -m tutormax (health .*|doctor)": {DONE, NOT_DONE},
    r".*(--wait|models (promote|rollback)).*": {NOT_IN_TIME},
    r"python -m tutormax jobs dead \w+": {NOT_DONE},
    r"python -m tutormax jobs (requeue|drop|cancel) .*": {DONE, NOT_DONE},
}

OURS = sorted({quote.text for quote in quoted.commands() if re.match(r"python -m |dramatiq ", quote.text)})


def start_of(command: str) -> str | None:
    """Return which test starts a command that serves; None for one that ends."""
    return next((test for pattern, test in SERVING.items() if re.fullmatch(pattern, command)), None)


def test_whoever_serves_is_started_by_the_test_that_is_named() -> None:
    for command in OURS:
        test = start_of(command)
        words = command.removeprefix("python -m ").split()
        assert test is None or all(word in (quoted.ROOT / test).read_text() for word in words[:2] if word[0] != "-")


@pytest.fixture
def worked(database: str) -> None:
    """A database in which something has happened."""
    assert database
    import_module("actors")
    job = UUID(EXAMPLES["JOB"])
    tick(timetable(settings.current()))
    models = [(EXAMPLES["MODEL"], "champion", "2026-06-21"), (EXAMPLES["OTHER"], "retired", "2026-06-20")]
    with db.transaction() as connection:
        insert(connection, [Request("train_models", "training", {}, job_id=job)])
        connection.execute(
            text(
                "update jobs set state = 'dead', error_type = 'OSError', error = 'no', finished_at = now()"
                " where job_id = :job"
            ),
            {"job": job},
        )
        for model, status, day in models:
            connection.execute(
                text(
                    "insert into models (model_id, population, status, feature_version, manifest_sha256, as_of,"
                    " trained_at, metrics) values (:id, 'synthetic', :status, '1', 'sha', :day, :day, '{}')"
                ),
                {"id": model, "status": status, "day": day},
            )


@pytest.mark.usefixtures("worked")
def test_every_command_of_ours_is_run() -> None:
    assert start_of("python -m schedules --pause evaluation") is None
    wrong = {}
    for command in OURS:
        if start_of(command) is None:
            code, said = ran(command)
            expected = next((codes for pattern, codes in EXPECTED.items() if re.fullmatch(pattern, command)), {DONE})
            if code not in expected:
                wrong[command] = (code, said)
    assert wrong == {}, "\n".join(f"{command}: {told}" for command, told in wrong.items())


def ran(command: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it said."""
    module, *arguments = quoted.words(command)[2:]
    if "--wait" in arguments or arguments[1:2] in (["promote"], ["rollback"]):
        arguments = [*arguments, "--timeout", "0.1"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        return MAINS[module](arguments), said.getvalue()


def test_redis_understands_what_is_asked_of_it() -> None:
    asked = {quote.text for quote in quoted.commands() if quote.text.startswith("redis-cli ")}
    client = redis.Redis.from_url(servers.endpoints().broker_url)

    for command in asked:
        words = quoted.words(command)
        assert words[:3] == ["redis-cli", "-u", "$REDIS_URL"]
        client.execute_command(*words[3:])  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    assert len(asked) >= 5
    client.close()


def test_psql_understands_what_is_asked_of_it(database: str) -> None:
    asked = {quote.text for quote in quoted.commands() if quote.text.startswith("psql ")}

    for command in asked:
        words = [
            database.replace("+psycopg", "") if word == "$DATABASE_URL" else word for word in quoted.words(command)
        ]
        done = subprocess.run([servers.program("psql"), *words[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    assert len(asked) >= 2
