"""Whatever an operator types while PostgreSQL is down ends in a sentence: which database, why, and what would help."""

import logging
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, ProgrammingError

import schedules.__main__
import tutormax.__main__
import tutormax.enqueue
import tutormax.ingest.__main__
from tests.faults.harness import free_port
from tutormax import db, settings

EVERY_COMMAND = {
    "demo": "demo",
    "up": "up",
    "risk": "risk",
    "tutor": "tutor t-17",
    "models": "models list",
    "export": "export t-17",
    "erase": "erase t-17 --reason asked --yes",
    "jobs": "jobs list",
    "migrate": "migrate",
    "backup": "backup backups",
}
# These say what they have to say without a database.
NEEDS_NONE = {"health", "settings", "metrics"}
# This one lists it as a finding, and the other brings a database of its own: both have tests elsewhere.
TOLD_OTHERWISE = {"doctor", "restore"}
PASSWORD = "geheim"  # noqa: S105  # of nothing


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port at which PostgreSQL should answer, and Redis, and nobody does."""
    nobodys = free_port()
    root, told = logging.getLogger(), signal.getsignal(signal.SIGTERM)
    handlers, level = root.handlers[:], root.level
    monkeypatch.setenv("DATABASE_URL", f"postgresql://operator:{PASSWORD}@127.0.0.1:{nobodys}/tutormax")
    # A server of yours stands beside no embedded one: a Redis of other tests is not there when these run alone.
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{nobodys}/0")
    db.dispose()
    settings.current.cache_clear()
    yield nobodys
    monkeypatch.undo()
    db.dispose()
    settings.current.cache_clear()
    signal.signal(signal.SIGTERM, told)
    root.handlers[:], root.level = handlers, level


def said(capsys: pytest.CaptureFixture[str], port: int) -> None:
    """See that the last thing told was one sentence that helps."""
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert "PostgreSQL does not answer at postgresql" in sentence
    assert f"@127.0.0.1:{port}/tutormax: connection failed" in sentence
    assert sentence.endswith("start it, or name another with DATABASE_URL or POSTGRES_*")
    assert PASSWORD not in sentence


def test_every_command_is_among_those_that_are_tried() -> None:
    commands = ArgumentParser().add_subparsers()
    for command in tutormax.__main__.COMMANDS:
        command.add(commands)

    assert set(commands.choices) == set(EVERY_COMMAND) | NEEDS_NONE | TOLD_OTHERWISE


@pytest.mark.parametrize("line", EVERY_COMMAND.values(), ids=list(EVERY_COMMAND))
def test_a_command_says_which_one_does_not_answer(line: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert tutormax.__main__.main(line.split()) == 1

    said(capsys, port)


@pytest.mark.parametrize("what", ["worker", "scheduler", "all"])
def test_health_names_it_among_what_is_ill(what: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert tutormax.__main__.main(["health", what]) == 1

    told = capsys.readouterr().out
    assert "ILL   ledger" in told
    assert f"port {port} failed" in told


@pytest.mark.parametrize("option", ["--pause", "--resume"])
def test_the_scheduler_s_own_options_say_it(option: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert schedules.__main__.main([option, "training"]) == 1

    said(capsys, port)


def test_sending_by_hand_says_it(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert tutormax.enqueue.main(["evaluate_tutor_performance"]) == 1

    said(capsys, port)


def test_taking_files_in_says_it(port: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "tutors.csv").write_text("tutor_id,joined_at\n")

    assert tutormax.ingest.__main__.main(["--organization", "Acme", str(tmp_path / "tutors.csv")]) == 1

    said(capsys, port)


def test_an_embedded_one_has_no_address_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TUTORMAX_DATA_DIR", "here")
    settings.current.cache_clear()
    error = OperationalError(None, None, Exception("the socket is gone\nmore"))

    told = db.complaint(error)

    settings.current.cache_clear()
    assert told is not None
    assert told.startswith("PostgreSQL does not answer at the embedded server's socket: the socket is gone; start it")


@pytest.mark.parametrize(
    ("kind", "of", "told"),
    [
        (OperationalError, errors.QueryCanceled, "refuses: so; ask for less at once, or raise TUTORMAX_STATEMENT_TIME"),
        (OperationalError, errors.DiskFull, "refuses: so; mend that, or try again"),
        (ProgrammingError, errors.InsufficientPrivilege, "refuses: so; use a login that may (deploy/postgresql/roles"),
        (InternalError, errors.ReadOnlySqlTransaction, "refuses: so; name the server that takes writes"),
        (OperationalError, errors.AdminShutdown, "PostgreSQL does not answer at"),
    ],
)
def test_one_that_answers_and_refuses_is_not_said_to_be_silent(
    kind: type[DBAPIError], of: type[Exception], told: str
) -> None:
    assert told in str(db.complaint(kind(None, None, of("so"))))


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    assert db.complaint(ProgrammingError(None, None, errors.UndefinedColumn("no such column"))) is None
