"""The command says in words, JSON and exit codes what became of the files."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.factories import add_organization
from tests.ingest.files import FEEDBACK, SESSION, TUTOR, Desk, write
from tutormax.ingest import organization
from tutormax.ingest.__main__ import main, stop

TERMS = ("--organization", "Acme", "--timezone", "UTC", "--known-at", "event")
COMMAND = (sys.executable, "-m", "tutormax.ingest", *TERMS)


def run(desk: Desk, *arguments: str | Path) -> int:
    options = ("--organization", "Acme", "--timezone", "UTC")
    return main([*options, *map(str, arguments)], desk.begin)


def test_files_that_came_in_are_counted(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(desk, desk.write("tutors.csv", [TUTOR, TUTOR | {"tutor_id": "t2", "age": "30"}]))
    told = " ".join(capsys.readouterr().out.split())

    assert code == 0
    assert "tutors.csv tutors 2 2 0 0 0" in told
    assert "columns not used: age" in told


def test_json_is_one_document(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    path = desk.write("tutors.csv", [TUTOR, TUTOR | {"tutor_id": ""}])

    code = run(desk, "--json", "--max-refused-share", "0.5", path)
    (file,) = json.loads(capsys.readouterr().out)["files"]

    assert code == 0
    assert (file["file"], file["kind"], file["read"], file["inserted"]) == (str(path), "tutors", 2, 1)
    assert file["refusals"] == [
        {"file": str(path), "line": 3, "column": "tutor_id", "value": "", "reason": "is missing"}
    ]


def test_a_refused_file_is_exit_code_1(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(desk, desk.write("tutors.csv", [TUTOR | {"joined_at": "soon"}]))
    told = capsys.readouterr().out

    assert code == 1
    assert "tutors.csv: nothing was taken in: 1 of 1 rows are refused, at most 5 % of them may be" in told
    assert "tutors.csv:2: joined_at 'soon' is not a time" in told


def test_the_first_refused_rows_are_shown_and_the_report_has_all(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = desk.write("tutors.csv", [TUTOR | {"tutor_id": f"t{row}", "joined_at": "soon"} for row in range(25)])
    report = tmp_path / "refused.jsonl"

    code = run(desk, "--report", report, path)
    told = capsys.readouterr().out
    refused = [json.loads(line) for line in report.read_text().splitlines()]

    assert code == 1
    assert told.count("is not a time") == 20
    assert "and 5 more refused rows" in told
    assert [refusal["line"] for refusal in refused] == list(range(2, 27))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.csv",), "nowhere.csv: no such file"),
        (("{dir}",), "is not a file"),
        (("{dir}/tutors.xlsx",), "is of no known format"),
        (("{dir}/broken.parquet",), "is not a Parquet file"),
        (("{dir}/other.csv",), "say it with --as"),
        (("{dir}/tutors.csv", "--report", "{dir}/no/report.jsonl"), "cannot be written"),
        (("{dir}/tutors.csv", "--organization", "Invented"), "is a synthetic organization"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    desk: Desk, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    add_organization(desk.connection, name="Invented", synthetic=True)
    desk.write("tutors.csv", [TUTOR])
    for name, content in {"tutors.xlsx": b"PK", "broken.parquet": b"PAR1", "other.csv": b"a,b\n1,2\n"}.items():
        desk.write(name, content)

    code = run(desk, *(argument.format(dir=desk.directory) for argument in arguments))
    told = capsys.readouterr().err

    assert code == 2
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--timezone", "Mars/Olympus"), "'Mars/Olympus' is no zone of the tz database"),
        (("--timezone", "../etc/passwd"), "is no zone of the tz database"),
        (("--max-refused-share", "5%"), "'5%' is no share from 0 to 1"),
        (("--max-refused-share", "1.5"), "'1.5' is no share from 0 to 1"),
        (("--as", "pupils"), "invalid choice: 'pupils'"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["--organization", "Acme", *arguments, "tutors.csv"])
    told = capsys.readouterr().err

    assert exit_info.value.code == 2
    assert message in told
    assert told.count("\n") == 1


def test_whoever_stops_it_is_told_so_though_the_connection_fails_in_its_turn(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def cut_short() -> Iterator[Connection]:
        try:
            yield interrupted()
        finally:
            raise OperationalError("copy sessions from stdin", None, Exception("the connection is lost"))

    def interrupted() -> Connection:
        raise KeyboardInterrupt

    code = main([*TERMS, str(desk.write("tutors.csv", [TUTOR]))], cut_short)

    assert code == 130
    assert "interrupted; files that were not finished are not taken in" in capsys.readouterr().err


def test_the_command_takes_files_into_the_settings_database(database: str, tmp_path: Path) -> None:
    rows = {"feedback.csv": [FEEDBACK], "sessions.csv": [SESSION], "tutors.csv": [TUTOR]}
    paths = [write(tmp_path, name, content) for name, content in rows.items()]

    ran = subprocess.run([*COMMAND, "--json", *paths], capture_output=True, check=False, text=True)

    assert ran.returncode == 0, ran.stderr
    assert [file["inserted"] for file in json.loads(ran.stdout)["files"]] == [1, 1, 1]
    assert ran.stderr == ""
    assert counts(database) == {"tutors": 1, "students": 1, "sessions": 1, "student_feedback": 1}


def test_a_kill_in_the_middle_leaves_nothing_of_the_file(database: str, tmp_path: Path) -> None:
    paths = [write(tmp_path, "sessions.csv", [SESSION]), write(tmp_path, "tutors.csv", [TUTOR])]
    engine = create_engine(database, poolclass=NullPool)
    with engine.connect() as blocker:
        # The sessions are written by the time their reschedules are looked for.
        blocker.execute(text("lock table tutor_events in access exclusive mode"))
        with subprocess.Popen([*COMMAND, *paths], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            until(engine, "select count(*) = 1 from pg_stat_activity where wait_event_type = 'Lock'")
            os.kill(process.pid, signal.SIGKILL)
    # The server notices when it next speaks to the client.
    until(engine, "select count(*) = 1 from pg_stat_activity where datname = current_database()")

    assert counts(database) == {"tutors": 1, "students": 0, "sessions": 0, "student_feedback": 0}


def test_who_is_told_to_stop_does_not_read_of_connections_that_stop_with_him(caplog: pytest.LogCaptureFixture) -> None:
    pool = logging.getLogger("sqlalchemy.pool")
    try:
        with pytest.raises(KeyboardInterrupt):
            stop(signal.SIGTERM, None)
        logging.getLogger("sqlalchemy.pool.impl.QueuePool").error("Exception during reset or similar")
    finally:
        pool.setLevel(logging.NOTSET)

    assert caplog.records == []


def test_one_ingest_of_an_organization_at_a_time(database: str) -> None:
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as first, engine.connect() as second:
        organization.hold(first, "Acme")
        second.execute(text("set local lock_timeout = '1ms'"))

        organization.hold(second, "Another")
        with pytest.raises(OperationalError, match="lock timeout"):
            organization.hold(second, "Acme")


def until(engine: Engine, question: str) -> None:
    """Return when the database says yes; pytest's own limit ends the waiting."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(text(question)).scalar_one():
            time.sleep(0.02)


def counts(url: str) -> dict[str, int]:
    """Return how many rows there are of a database's facts."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return {table: count(connection, table) for table in ("tutors", "students", "sessions", "student_feedback")}


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())
