"""Manual triggers: checked before anything is written, and followed to the end."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Row, delete, func, select, update

from tests.surroundings import a_day_ahead
from tutormax import db, enqueue, settings
from tutormax.following import Standing
from tutormax.jobs import Job, JobActor, ring
from tutormax.tables import jobs
from tutormax.telling import progress_of

ROOT = Path(__file__).parents[1]


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def report_on(
    job: Job,
    *,
    tutor_count: int,
    share: float = 0.5,
    name: str | None = None,
    loud: bool = False,
    day: date | None = None,
    moment: datetime | None = None,
    colour: Colour = Colour.RED,
) -> None:
    """Take one argument of each type.

    Reads:   nothing
    """


def greet(job: Job, name: str) -> None:
    """Take one argument that must be there."""


ACTORS: dict[str, JobActor[Any, Any]] = {
    function.__name__: JobActor(function, queue="probes", time_limit=60, priority=3, max_retries=None)
    for function in (report_on, greet)
}


@pytest.fixture(autouse=True)
def empty_ledger(engine: Engine) -> Iterator[None]:
    """What these tests send really commits; nobody is rung, and nothing is left behind."""
    ring.use(None)
    yield
    with engine.begin() as connection:
        connection.execute(delete(jobs))
    db.dispose()


def trigger(*words: str) -> int:
    return enqueue.main(list(words), ACTORS)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Trigger with a mistake; return what is said of it."""
    with pytest.raises(SystemExit) as exit_:
        trigger(*words)
    assert exit_.value.code == 2
    assert rows() == []
    return capsys.readouterr().err


def rows() -> list[Row[Any]]:
    with db.transaction() as connection:
        return list(connection.execute(select(jobs).order_by(jobs.c.created_at)).all())


@contextmanager
def a_worker(**end: object) -> Iterator[None]:
    """Bring whatever is sent to an end, as a worker's statements would, after it has run for a moment."""
    stop = threading.Event()
    running = {"state": "running", "lease_until": func.now(), "started_at": func.now(), "attempts": 1}

    def work() -> None:
        for values in (running, {"lease_until": None, "finished_at": func.now()} | end):
            while not stop.wait(0.1):
                with db.transaction() as connection:
                    if connection.execute(update(jobs).values(values)).rowcount:
                        break

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_every_argument_is_stored_as_its_type() -> None:
    code = trigger(
        *("report_on", "--tutor-count", "50", "--share", "0.25", "--name", "null", "--loud"),
        *("--day", "2026-01-08", "--moment", "2026-01-08T14:30:00+02:00", "--colour", "green"),
    )

    [row] = rows()
    assert code == 0
    assert row.args == {
        "tutor_count": 50,
        "share": 0.25,
        "name": "null",
        "loud": True,
        "day": "2026-01-08",
        "moment": "2026-01-08T14:30:00+02:00",
        "colour": "green",
    }
    assert (row.queue, row.priority) == ("probes", 3)
    assert row.requested_by.startswith("cli:")


def test_a_full_queue_is_said_in_a_sentence_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUTORMAX_QUEUE_CAP", "1")
    settings.current.cache_clear()
    first, second = (trigger("greet", "--name", name) for name in ("ann", "bob"))
    settings.current.cache_clear()

    assert (first, second, len(rows())) == (0, 1, 1)
    assert "queue probes is full: 1 jobs wait and 1 more would pass its cap of 1" in capsys.readouterr().err


def test_what_is_not_given_is_left_to_the_actor() -> None:
    assert trigger("report_on", "--tutor-count", "50") == 0

    assert [row.args for row in rows()] == [{"tutor_count": 50}]


def test_a_switch_can_be_turned_off() -> None:
    assert trigger("report_on", "--tutor-count", "50", "--loud", "false") == 0

    assert [row.args["loud"] for row in rows()] == [False]


@pytest.mark.parametrize(
    ("flag", "value", "right"),
    [
        ("--tutor-count", "many", "a whole number"),
        ("--tutor-count", "5.5", "a whole number"),
        ("--share", "half", "a number"),
        ("--share", "nan", "a number"),
        ("--loud", "yes", "true or false"),
        ("--day", "8.1.2026", "a date like 2026-01-08"),
        ("--day", "2026-02-30", "a date like 2026-01-08"),
        ("--moment", "2026-01-08T14:30:00", "an instant with its zone"),
        ("--name", "\udcff", "text"),
        ("--colour", "blue", "one of red, green"),
        ("--in", "10", "10m"),
        ("--in", "-5m", "10m"),
        ("--at", "2026-12-01T02:00", "an instant with its zone"),
        ("--at", "tomorrow", "an instant with its zone"),
        ("--key", "", "1 to 200 printable characters"),
        ("--priority", "101", "from -100 to 100"),
        ("--timeout", "-1", "a number of seconds"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_would_be_right(
    capsys: pytest.CaptureFixture[str], flag: str, value: str, right: str
) -> None:
    said = refused(capsys, "report_on", "--tutor-count", "1", f"{flag}={value}")

    assert flag in said
    assert repr(value) in said
    assert right in said


def test_a_missing_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--tutor-count" in refused(capsys, "report_on")


def test_a_misspelt_actor_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'report_no' is not an actor: did you mean report_on?" in refused(capsys, "report_no", "--tutor-count", "1")


def test_a_misspelt_argument_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "report_on", "--tutor-count", "1", "--shar", "0.5")

    assert "--shar is not an argument of report_on: did you mean --share?" in said


def test_no_actor_at_all_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "name an actor" in refused(capsys, "--json")


def test_later_by_a_span() -> None:
    assert trigger("report_on", "--tutor-count", "1", "--in", "1.5h") == 0

    [row] = rows()
    assert timedelta(hours=1.4) < row.available_at - row.created_at <= timedelta(hours=1.5)


def test_later_is_counted_by_the_clock_that_says_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    a_day_ahead(monkeypatch, enqueue)

    assert trigger("report_on", "--tutor-count", "1", "--in", "1h") == 0

    [row] = rows()
    assert row.available_at - row.created_at < timedelta(hours=2)


def test_later_at_an_instant() -> None:
    assert trigger("report_on", "--tutor-count", "1", "--at", "2126-12-01T02:00:00+01:00") == 0

    assert [row.available_at for row in rows()] == [datetime(2126, 12, 1, 1, tzinfo=UTC)]


def test_a_span_and_an_instant_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "report_on", "--tutor-count", "1", "--in", "5m", "--at", "2026-12-01T02:00:00Z")

    assert "not allowed with" in said


def test_under_one_key_there_is_one_job(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert trigger("report_on", "--tutor-count", "1", "--key", "nightly", "--in", "1h", "--json") == 0

    [row] = rows()
    told = capsys.readouterr().out.replace("}\n{", "},{")
    assert [(one["job_id"], one["new"]) for one in json.loads(f"[{told}]")] == [
        (str(row.job_id), True),
        (str(row.job_id), False),
    ]


@pytest.mark.parametrize("key", [["--key", "greet"], ["--key=greet"]])
def test_a_key_may_be_called_like_an_actor(key: list[str]) -> None:
    assert trigger(*key, "report_on", "--tutor-count", "1") == 0

    assert [(row.actor, row.dedupe_key) for row in rows()] == [("report_on", "greet")]


def test_an_argument_may_be_called_like_an_actor() -> None:
    assert trigger("--name", "greet", "--tutor-count", "1", "report_on") == 0

    assert [(row.actor, row.args) for row in rows()] == [("report_on", {"name": "greet", "tutor_count": 1})]


def test_a_priority_of_ones_own() -> None:
    assert trigger("report_on", "--tutor-count", "1", "--priority", "-7") == 0

    assert [row.priority for row in rows()] == [-7]


def test_a_sent_job_is_told_with_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert trigger("report_on", "--tutor-count", "1") == 0

    [row] = rows()
    assert capsys.readouterr().out == f"report_on: job {row.job_id} sent to probes, due now\n"


def test_waiting_ends_with_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    with a_worker(state="done", result={"tutors": 1500, "note": "[bold]"}):
        code = trigger("greet", "--name", "a", "--wait")

    words = capsys.readouterr().out.split()
    assert code == 0
    assert words[:3] == ["greet:", "done", "in"]
    assert set(words[5:]) == {"tutors", "1500", "note", "[bold]"}


def test_waiting_prints_only_json_when_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    with a_worker(state="done", result={"tutors": 1500}):
        code = trigger("greet", "--name", "a", "--wait", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (code, told["state"], told["result"], told["attempts"]) == (0, "done", {"tutors": 1500}, 1)


@pytest.mark.parametrize("state", ["dead", "cancelled"])
def test_waiting_for_a_job_that_fails(capsys: pytest.CaptureFixture[str], state: str) -> None:
    with a_worker(state=state, error="no luck", error_type="ValueError"):
        code = trigger("greet", "--name", "a", "--wait")

    assert code == 1
    assert f"greet: {state}: ValueError: no luck" in capsys.readouterr().err


def test_a_failure_is_told_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    with a_worker(state="dead", error="no luck", error_type="ValueError"):
        code = trigger("greet", "--name", "a", "--wait", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (code, told["state"], told["error"]) == (1, "dead", "no luck")


def test_waiting_no_longer_than_told(capsys: pytest.CaptureFixture[str]) -> None:
    code = trigger("greet", "--name", "a", "--wait", "--timeout", "0.3")

    assert code == 124
    assert "is pending after 0.3 s and goes on" in capsys.readouterr().err
    assert [row.state for row in rows()] == ["pending"]


def standing(**facts: Any) -> Standing:
    now = datetime.now(UTC)
    values: dict[str, Any] = dict.fromkeys(Standing.__dataclass_fields__)
    values |= {"actor": "report_on", "queue": "probes", "args": {}, "state": "pending", "attempts": 0}
    return Standing(**values | {"available_at": now, "created_at": now} | facts)


@pytest.mark.parametrize(
    ("facts", "described"),
    [
        ({}, "report_on: waits for a worker of probes"),
        ({"available_at": datetime(2126, 1, 1, tzinfo=UTC)}, "report_on: due at 00:00:00Z"),
        (
            {"available_at": datetime(2126, 1, 1, tzinfo=UTC), "error": "no luck"},
            "report_on: failed, no luck; again at 00:00:00Z",
        ),
        ({"state": "running"}, "report_on: running"),
        ({"state": "running", "progress": {"done": 2, "total": 5, "note": "counting"}}, "report_on: counting"),
    ],
)
def test_progress_says_what_the_job_waits_for(facts: dict[str, Any], described: str) -> None:
    assert progress_of(standing(**facts))["description"] == described


def test_progress_shows_how_far_the_job_has_come() -> None:
    shown = progress_of(standing(state="running", progress={"done": 2, "total": 5}))

    assert (shown["completed"], shown["total"]) == (2, 5)


def test_the_list_shows_actors_with_their_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert trigger("--list") == 0

    out = capsys.readouterr().out
    for shown in (
        "report_on",
        "--tutor-count INTEGER (required)",
        "--share NUMBER (0.5)",
        "--moment INSTANT",
        "--colour red|green (red)",
    ):
        assert shown in out


def test_the_list_as_json_names_types_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    trigger("--list", "--json")

    report = next(actor for actor in json.loads(capsys.readouterr().out) if actor["actor"] == "report_on")
    assert report["description"] == "Take one argument of each type."
    assert [(one["name"], one["type"], one["required"], one["default"]) for one in report["arguments"]] == [
        ("tutor_count", "integer", True, None),
        ("share", "number", False, 0.5),
        ("name", "text", False, None),
        ("loud", "true|false", False, False),
        ("day", "date", False, None),
        ("moment", "instant", False, None),
        ("colour", "red|green", False, "red"),
    ]


def test_no_actor_has_an_argument_that_the_command_has_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert enqueue.main(["--list", "--json"]) == 0
    for actor in json.loads(capsys.readouterr().out):
        with pytest.raises(SystemExit) as exit_:
            enqueue.main([actor["actor"], "--help"])
        assert exit_.value.code == 0


def test_a_database_that_does_not_answer_is_one_line() -> None:
    elsewhere = os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}

    told = subprocess.run(
        [sys.executable, "-m", "tutormax.enqueue", "canary_default"],
        cwd=ROOT,
        env=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert told.stderr.startswith("PostgreSQL does not answer at ")
    assert told.stderr.count("\n") == 1


def test_a_real_worker_answers_the_command(database: str) -> None:
    environment = os.environ | {"DATABASE_URL": database}
    serve = [sys.executable, "-m", "dramatiq", "actors", "-Q", "default", "-p", "1", "-t", "1"]
    ask = [sys.executable, "-m", "tutormax.enqueue", "canary_default", "--wait", "--timeout", "100", "--json"]
    with subprocess.Popen(serve, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as worker:
        told = subprocess.run(ask, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        worker.terminate()

    assert told.returncode == 0
    answer = json.loads(told.stdout)
    assert (answer["state"], answer["new"]) == ("done", True)
    assert answer["result"]["seconds"] > 0
