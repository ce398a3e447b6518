"""The actors of evaluation: which quarter hour they judge, what they send, and where corrections go on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Row, select, update

from actors.evaluation import evaluate_single_tutor, evaluate_tutor_performance
from tests.factories import add_event, add_session, add_tutor
from tutormax import db, evaluation, partitions
from tutormax import jobs as ledger
from tutormax.evaluation import Tier
from tutormax.jobs import JobActor, ring
from tutormax.tables import jobs, tutor_performance_metrics
from tutormax.windows import QUARTER_HOUR, Window

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def latest(database: str) -> Iterator[Window]:
    """The latest quarter hour that has ended, on a database of the test's own; nobody is rung."""
    assert database
    ring.use(None)
    window = Window.latest(datetime.now(UTC))
    with db.transaction() as connection:
        partitions.ensure(connection, window.end - 95 * DAY, window.end + DAY)
    yield window
    ring.use(None)


def add_teaching_tutor(connection: Connection, window: Window, *, no_shows: int = 0) -> int:
    tutor = add_tutor(connection, joined_at=window.end - 200 * DAY)
    for minute in range(5):
        status = "tutor_no_show" if minute < no_shows else "completed"
        start = window.end - 2 * DAY - minute * timedelta(minutes=1)
        add_session(connection, tutor, scheduled_start=start, status=status)
    return tutor


def answered(actor: JobActor[Any, Any], job: UUID) -> Row[Any]:
    """Answer a doorbell in this thread; return what became of the job."""
    actor.answer(str(job))
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def judged(tutor: int) -> list[datetime]:
    """Return the quarter hours at which a tutor was judged."""
    table = tutor_performance_metrics
    statement = select(table.c.window_end).where(table.c.tutor_id == tutor, table.c.window_days == 30)
    with db.transaction() as connection:
        return list(connection.execute(statement.order_by(table.c.window_end)).scalars())


def scorings() -> list[Any]:
    """Return the arguments of the scorings that were asked for."""
    with db.transaction() as connection:
        return list(connection.execute(select(jobs.c.args).where(jobs.c.actor == "predict_churn_for_tutor")).scalars())


def test_a_job_without_a_window_judges_the_latest_quarter_hour(latest: Window) -> None:
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection, latest)

    job = answered(evaluate_tutor_performance, evaluate_tutor_performance.send())

    # The clock may have passed a quarter hour since.
    assert judged(tutor)[0] in (latest.end, latest.end + QUARTER_HOUR)
    assert (job.state, job.result) == ("done", {"tutors": 1, "rows_written": 3, "rows_corrected": 0, "fell": []})


def test_a_job_of_the_timetable_judges_its_slot(latest: Window) -> None:
    slot = latest.end - 3 * QUARTER_HOUR
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection, latest)
        [job] = ledger.insert(connection, [replace(evaluate_tutor_performance.request(), slot=slot)])

    answered(evaluate_tutor_performance, job)

    assert judged(tutor) == [slot]


def test_a_job_with_a_window_judges_that_one(latest: Window) -> None:
    named = latest.end - 10 * QUARTER_HOUR
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection, latest)

    answered(evaluate_tutor_performance, evaluate_tutor_performance.send(named))

    assert judged(tutor) == [named]


@pytest.mark.parametrize(
    ("late", "error"), [(QUARTER_HOUR * 2, "has not ended; the latest is"), (timedelta(minutes=-7), "quarter hour")]
)
def test_a_quarter_hour_that_has_not_ended_or_is_none_is_refused_for_good(
    latest: Window, late: timedelta, error: str
) -> None:
    job = answered(evaluate_tutor_performance, evaluate_tutor_performance.send(latest.end + late))

    assert job.state == "dead"
    assert error in job.error


def test_a_tier_that_falls_asks_for_a_scoring(latest: Window) -> None:
    with db.transaction() as connection:
        steady, fallen = (add_teaching_tutor(connection, latest, no_shows=number) for number in (0, 3))
        for tutor in (steady, fallen):
            evaluation.evaluate_single_tutor(connection, tutor, Window(latest.end - DAY))
        before = update(tutor_performance_metrics).where(tutor_performance_metrics.c.tutor_id == fallen)
        connection.execute(before.values(tier=Tier.STRONG))

    job = answered(evaluate_tutor_performance, evaluate_tutor_performance.send(latest.end))

    assert job.result["fell"] == [fallen]
    assert scorings() == [{"tutor_id": fallen, "reason": "tier fell"}]


def test_late_facts_correct_earlier_quarter_hours(latest: Window) -> None:
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection, latest)
        evaluation.judge_tutors(connection, latest.preceding())
        add_event(connection, tutor, "login", event_time=latest.end - 3 * DAY, ingested_at=latest.end)

    job = answered(evaluate_tutor_performance, evaluate_tutor_performance.send(latest.end))

    # Three rows of the earlier quarter hour, and the three of this one that are no other now.
    assert job.result["rows_corrected"] == 3 + 3


def test_a_correction_goes_on_where_an_earlier_attempt_ended(latest: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.transaction() as connection:
        tutors = [add_teaching_tutor(connection, latest) for _ in range(3)]
        evaluation.judge_tutors(connection, latest.preceding())
        for tutor in tutors:
            add_event(connection, tutor, "login", event_time=latest.end - 3 * DAY, ingested_at=latest.end)
        evaluation.judge_tutors(connection, latest)
        evaluation.correct_judgements(connection, at_once=1)
    monkeypatch.setenv("WORKER_PERF_EVAL_BATCH_SIZE", "1")

    job = answered(evaluate_tutor_performance, evaluate_tutor_performance.send(latest.end))

    assert (job.state, job.result["rows_corrected"]) == ("done", 2 * (3 + 3))


def test_a_job_that_runs_again_changes_nothing(latest: Window) -> None:
    with db.transaction() as connection:
        add_teaching_tutor(connection, latest)
    answered(evaluate_tutor_performance, evaluate_tutor_performance.send(latest.end))

    job = answered(evaluate_tutor_performance, evaluate_tutor_performance.send(latest.end))

    assert job.result == {"tutors": 1, "rows_written": 0, "rows_corrected": 0, "fell": []}


def test_a_single_tutor_is_judged_at_the_latest_quarter_hour(latest: Window) -> None:
    with db.transaction() as connection:
        tutor, other = (add_teaching_tutor(connection, latest, no_shows=3) for _ in range(2))
        evaluation.evaluate_single_tutor(connection, tutor, Window(latest.end - DAY))
        connection.execute(update(tutor_performance_metrics).values(tier=Tier.STRONG))

    job = answered(evaluate_single_tutor, evaluate_single_tutor.send(tutor))

    assert judged(tutor)[-1] in (latest.end, latest.end + QUARTER_HOUR)
    assert judged(other) == []
    assert job.result == {"tutors": 1, "rows_written": 3, "rows_corrected": 0, "fell": [tutor]}
    assert scorings() == [{"tutor_id": tutor, "reason": "tier fell"}]


def test_an_unknown_tutor_is_refused_for_good(latest: Window) -> None:
    job = answered(evaluate_single_tutor, evaluate_single_tutor.send(123456789))

    assert (job.state, job.error) == ("dead", "there is no tutor 123456789")
