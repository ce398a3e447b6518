"""What `python -m tutormax` prints and how it exits."""

import json
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, update

from tests.factories import NOW, add_organization, add_tutor
from tests.jobs.probes import QUEUE
from tutormax import db, queries
from tutormax.__main__ import main
from tutormax.jobs import Request, lease
from tutormax.jobs import insert as insert_jobs
from tutormax.tables import churn_predictions, jobs, tutor_performance_metrics, tutors


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Call a command in a process of its own, on the test's database."""
    return subprocess.run(
        [sys.executable, "-m", "tutormax", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def scored(database: str) -> int:
    """A tutor who has been judged and scored; the id."""
    assert database
    with db.transaction() as connection:
        organization = add_organization(connection, name="Acme Tutors")
        tutor = add_tutor(connection, organization=organization, external_id="t-17", name="Ann Example")
        connection.execute(insert(churn_predictions).values(_prediction(tutor)))
        connection.execute(insert(tutor_performance_metrics).values(_performance(tutor)))
    return tutor


def _prediction(tutor: int) -> dict[str, object]:
    factors = [{"text": "Taught 1 session in 14 days, usually 8", "phi": 1.2}, {"text": "Rated 4.9", "phi": -0.3}]
    return {
        "tutor_id": tutor,
        "as_of": NOW,
        "model_id": "rule",
        "p1": 0.1,
        "p7": 0.3,
        "p30": 0.81,
        "p90": 0.9,
        "churn_score": 81,
        "risk_level": "critical",
        "churn_predicted": True,
        "reasons": {"factors": factors},
        "trigger": "nightly",
    }


def _performance(tutor: int) -> dict[str, object]:
    return {
        "tutor_id": tutor,
        "window_days": 30,
        "window_end": NOW + timedelta(minutes=15),
        "sessions_scheduled": 9,
        "sessions_completed": 8,
        "average_rating": 4.25,
        "no_show_count": 1,
        "green_flags": 2,
        "red_flags": 1,
        "tier": "needs_attention",
    }


def test_risk_lists_tutors_with_reasons_and_says_when_the_rule_scored(scored: int) -> None:
    printed = called("risk", "--organization", "Acme Tutors").stdout

    assert "Ann Example" in printed
    assert "critical" in printed
    assert "81 %" in printed
    assert "Taught 1 session" in printed
    assert "rule" in printed
    assert "Rated 4.9" not in printed
    assert scored


def test_risk_as_json_holds_the_same(scored: int) -> None:
    [row] = json.loads(called("risk", "--json").stdout)

    assert (row["tutor_id"], row["churn_score"], row["tier"]) == (scored, 81, "needs_attention")


def test_a_tutor_is_found_by_either_id(scored: int) -> None:
    by_theirs = called("tutor", "t-17").stdout
    by_ours = called("tutor", str(scored)).stdout

    assert by_theirs == by_ours
    assert "4.25" in by_theirs
    assert "needs attention" in by_theirs


def test_an_unknown_tutor_is_one_line_without_a_traceback(database: str) -> None:
    assert database
    failed = called("tutor", "nobody")

    assert failed.returncode == 1
    assert "there is no tutor 'nobody'" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_jobs_are_listed_shown_and_cancelled(database: str) -> None:
    assert database
    with db.transaction() as connection:
        [job] = insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"})])

    listed = json.loads(called("jobs", "list", "--state", "pending", "--json").stdout)
    cancelled = called("jobs", "cancel", str(job), "--reason", "a test")
    shown = json.loads(called("jobs", "show", str(job), "--json").stdout)

    assert [row["job_id"] for row in listed] == [str(job)]
    assert cancelled.returncode == 0
    assert (shown["state"], shown["error_type"]) == ("cancelled", "Cancelled")


def test_a_database_that_answers_too_late_is_not_said_to_be_away(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database
    monkeypatch.setenv("TUTORMAX_STATEMENT_TIMEOUT_SECONDS", "1")
    with db.transaction() as connection:
        [job] = insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"})])

    with db.transaction() as connection:
        connection.execute(queries.load("lock_job"), {"job_id": job})
        failed = called("jobs", "cancel", str(job))

    assert failed.returncode == 1
    assert "refuses: canceling statement due to statement timeout" in failed.stderr
    assert "TUTORMAX_STATEMENT_TIMEOUT_SECONDS" in failed.stderr


def test_dropping_needs_a_selection_and_a_yes(database: str) -> None:
    assert database

    assert called("jobs", "drop").returncode == 2
    assert "0 dead jobs; say --yes" in called("jobs", "drop", "--all").stdout


def test_what_a_job_says_in_square_brackets_is_printed_as_it_is(database: str) -> None:
    assert database
    said = "no file [/models/a]: return self._values[key]"
    with db.transaction() as connection:
        [job] = insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "[/a]"}, requested_by="cli:[/b]")])
        died = update(jobs).values(state="dead", error=said, error_type="OSError", traceback=said)
        connection.execute(died.where(jobs.c.job_id == job))

    assert said in called("jobs", "list").stdout
    assert called("jobs", "show", str(job)).stdout.count(said) == 2
    dead = called("jobs", "dead").stdout
    assert said in dead
    letters = called("jobs", "dead", dead.splitlines()[-1].split()[0]).stdout
    assert '{"mark":"[/a]"}' in letters
    assert "cli:[/b]" in letters
    assert said in letters
    assert "in a group '[/x]'" in called("jobs", "dead", "[/x]").stdout


def test_a_name_in_square_brackets_is_printed_as_it_is(scored: int) -> None:
    with db.transaction() as connection:
        connection.execute(update(tutors).values(name="Ann [vip]").where(tutors.c.tutor_id == scored))

    assert "Ann [vip]" in called("risk").stdout
    assert "Ann [vip], of Acme Tutors" in called("tutor", "t-17").stdout
    assert "there is no tutor '[/x]'" in called("tutor", "[/x]").stderr


def test_a_job_that_runs_once_more_is_not_said_to_have_ended_before_it_began(database: str) -> None:
    assert database
    with db.transaction() as connection:
        [job] = insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, key="a")])
        [first] = lease.take_free(connection, [job], seconds=30, worker="test").values()
        insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, key="a")])
        lease.finish(connection, first, None)

    waiting = called("jobs", "list", "--state", "pending").stdout
    with db.transaction() as connection:
        lease.take(connection, job, seconds=30, worker="test")
    running = called("jobs", "list", "--state", "running").stdout

    assert waiting.splitlines()[-1].split()[-1] == "-"
    assert float(running.splitlines()[-1].split()[-2]) >= 0


@pytest.mark.parametrize("verb", ["requeue", "drop"])
@pytest.mark.parametrize("option", ["--error", "--actor", "--queue", "--group"])
@pytest.mark.parametrize("nothing", ["", " "])
def test_a_filter_that_names_nothing_does_not_mean_every_dead_job(
    verb: str, option: str, nothing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["jobs", verb, option, nothing, "--yes"])

    assert refused.value.code == 2
    assert f"argument {option}: it is empty" in capsys.readouterr().err


def test_a_job_that_was_named_and_stays_as_it_is_is_told_and_fails(database: str) -> None:
    assert database
    with db.transaction() as connection:
        [dead] = insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, key="a")])
        connection.execute(update(jobs).values(state="dead", error="e", error_type="E", finished_at=NOW))
        [alive] = insert_jobs(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, key="a")])

    told = called("jobs", "requeue", str(alive), "--yes")
    kept = called("jobs", "requeue", str(dead), "--yes")
    dropped = called("jobs", "drop", str(dead), "--yes")

    assert (told.returncode, "1 of the jobs named are no dead jobs" in told.stdout) == (1, True)
    assert (kept.returncode, "1 stay dead: the same work is asked for already" in kept.stdout) == (1, True)
    assert (dropped.returncode, dropped.stdout) == (0, "1 of 1 dead jobs: drop.\n")


@pytest.mark.parametrize("command", ["jobs list", "jobs dead", "models list", "risk"])
@pytest.mark.parametrize("limit", ["-1", "0", "many"])
def test_how_many_is_a_whole_number(command: str, limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main([*command.split(), "--limit", limit])

    assert refused.value.code == 2
    assert "is not a whole number from 1" in capsys.readouterr().err


def test_an_unknown_job_is_one_line(database: str) -> None:
    assert database
    failed = called("jobs", "show", str(uuid4()))

    assert (failed.returncode, "Traceback" in failed.stderr) == (1, False)


def test_settings_hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "s3cret")

    printed = called("settings", "--json").stdout

    assert "s3cret" not in printed
    assert json.loads(printed)["WORKER_MAX_TASK_RETRIES"] == 3


def test_a_wrong_setting_stops_the_start_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CHURN_BATCH_SIZE", "many")

    failed = called("settings")

    assert failed.returncode == 1
    assert "WORKER_CHURN_BATCH_SIZE='many'" in failed.stderr
    assert "Traceback" not in failed.stderr
