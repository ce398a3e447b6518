"""Logs: every line of a job names it, a failure is one line with its traceback once, and no secret is in any."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.jobs import probes
from tutormax import db, log
from tutormax.jobs import Request, ring
from tutormax.jobs import insert as insert_jobs
from tutormax.redaction import redact, redact_text
from tutormax.tracing import TraceContext


class Lines:
    """What a process has logged."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def text(self) -> str:
        return self._stream.getvalue()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.text().splitlines()) if line["event"] == event]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Where the log goes meanwhile."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    yield stream
    root.handlers[:], root.level = before


def configured(stream: io.StringIO, *, json: bool) -> Lines:
    log.configure(json=json, level="INFO", stream=stream)
    return Lines(stream)


@pytest.fixture
def effects(database: str) -> None:
    """A database of the test's own with a table of effects; nobody is rung."""
    assert database
    ring.use(None)
    with db.transaction() as connection:
        probes.make_effects(connection)


@pytest.mark.usefixtures("effects")
def test_every_line_of_a_job_names_it(logged: io.StringIO) -> None:
    lines = configured(logged, json=True)
    with db.transaction() as connection:
        asked = Request(
            "leave_mark",
            probes.QUEUE,
            {"mark": "a"},
            organization_id=7,
            trace_context=str(TraceContext("1" * 32, "2" * 16)),
        )
        [job] = insert_jobs(connection, [asked])

    probes.leave_mark.answer(str(job))

    [line] = lines.of("job done")
    named = {name: line[name] for name in ("job_id", "actor", "queue", "organization", "attempt", "trace_id")}
    assert named == {
        "job_id": str(job),
        "actor": "leave_mark",
        "queue": "probes",
        "organization": 7,
        "attempt": 1,
        "trace_id": "1" * 32,
    }
    assert (line["level"], line["logger"]) == ("info", "tutormax.jobs.execution")


@pytest.mark.usefixtures("effects")
def test_a_library_that_logs_within_a_job_names_it_too(logged: io.StringIO) -> None:
    lines = configured(logged, json=True)
    job = probes.log_through_a_library.send("hello")

    probes.log_through_a_library.answer(str(job))

    assert lines.of("hello")[0]["job_id"] == str(job)


@pytest.mark.usefixtures("effects")
@pytest.mark.parametrize("as_json", [True, False])
def test_a_failure_is_one_line_with_its_traceback_once(logged: io.StringIO, as_json: bool) -> None:
    lines = configured(logged, json=as_json)
    job = probes.give_up.send("mark")

    probes.give_up.answer(str(job))

    assert lines.text().count("job dead") == 1
    assert lines.text().count("Traceback") == 1
    if as_json:
        [line] = lines.of("job dead")
        assert line["exception"].rstrip().endswith("HopelessError: mark cannot be done")
        assert (line["error"], line["error_type"]) == ("mark cannot be done", "HopelessError")


@pytest.mark.usefixtures("effects")
def test_a_row_that_the_database_refuses_is_not_repeated(logged: io.StringIO) -> None:
    lines = configured(logged, json=True)
    with db.transaction() as connection:
        connection.execute(text("alter table effects add constraint no_names check (mark not like 'Ada%')"))
    job = probes.leave_mark.send("Ada Lovelace")

    probes.leave_mark.answer(str(job))

    [line] = lines.of("job failed, will be tried again")
    assert "no_names" in line["error"]
    assert "Lovelace" not in lines.text()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://app:s3cr:t@db/tutormax", "postgresql://app:(hidden)@db/tutormax"),
        ("redis://:s3cret@cache:6379/0", "redis://:(hidden)@cache:6379/0"),
        ("postgresql://app@db.example.com/tutormax", "postgresql://app@db.example.com/tutormax"),
        ("connect: password=s3cret host=db", "connect: password=(hidden) host=db"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer (hidden)"),
        ("no tutor ada@example.com here", "no tutor (hidden) here"),
        ("refused\nDETAIL:  Failing row contains (Ada, 1815).", "refused\nDETAIL: (hidden)"),
        ("took 3 s at 12:30", "took 3 s at 12:30"),
    ],
)
def test_text_is_shown_without_secrets_and_people(written: str, shown: str) -> None:
    assert redact_text(written) == shown


def test_a_secret_is_known_by_its_name_however_deep() -> None:
    event = {"event": "started", "redis_password": "x", "facts": {"api_key": "y", "port": 9400}, "urls": ["a://b:c@d"]}

    assert redact(None, "info", event) == {
        "event": "started",
        "redis_password": "(hidden)",
        "facts": {"api_key": "(hidden)", "port": 9400},
        "urls": ["a://b:(hidden)@d"],
    }
