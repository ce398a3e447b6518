"""The actors of prediction: whom they score, as of when, and where an interrupted batch goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Row, select, update

from actors.prediction import batch_predict_churn, monitor_predictions, predict_churn_for_tutor
from tests.factories import add_session, add_tutor
from tutormax import db, partitions, rescoring
from tutormax import jobs as ledger
from tutormax.jobs import JobActor, ring
from tutormax.tables import churn_predictions, jobs

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def now(database: str) -> Iterator[datetime]:
    """The time, on a database of the test's own; nobody is rung."""
    assert database
    ring.use(None)
    instant = datetime.now(UTC)
    with db.transaction() as connection:
        partitions.ensure(connection, instant - 130 * DAY, instant + 8 * DAY)
    yield instant
    ring.use(None)


def add_teaching_tutor(connection: Connection, now: datetime, *, silent_days: int = 1) -> int:
    tutor = add_tutor(connection, joined_at=now - 200 * DAY)
    for day in range(silent_days, 60):
        add_session(connection, tutor, scheduled_start=now - day * DAY)
    return tutor


def answered(actor: JobActor[Any, Any], job: UUID) -> Row[Any]:
    """Answer a doorbell in this thread; return what became of the job."""
    actor.answer(str(job))
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def scored() -> dict[int, datetime]:
    """Return the newest score's instant of each tutor."""
    with db.transaction() as connection:
        rows = connection.execute(select(churn_predictions).order_by(churn_predictions.c.as_of)).all()
    return {row.tutor_id: row.as_of for row in rows}


def test_a_batch_scores_every_active_tutor_as_of_one_instant(now: datetime) -> None:
    with db.transaction() as connection:
        active = [add_teaching_tutor(connection, now) for _ in range(3)]
        add_teaching_tutor(connection, now, silent_days=20)

    job = answered(batch_predict_churn, batch_predict_churn.send(now))

    assert scored() == dict.fromkeys(active, now)
    assert (job.state, job.result["tutors"], job.result["models"]) == ("done", 3, {"rule": 3})


def test_a_batch_that_runs_again_leaves_the_same_rows(now: datetime) -> None:
    with db.transaction() as connection:
        add_teaching_tutor(connection, now)
    columns = [column for column in churn_predictions.c if column.name != "scored_at"]
    found = []
    for _ in range(2):
        answered(batch_predict_churn, batch_predict_churn.send(now))
        with db.transaction() as connection:
            found.append(connection.execute(select(*columns)).all())

    assert found[0] == found[1]


def test_a_batch_goes_on_where_an_earlier_attempt_ended(now: datetime) -> None:
    with db.transaction() as connection:
        tutors = [add_teaching_tutor(connection, now) for _ in range(3)]
        [job_id] = ledger.insert(connection, [batch_predict_churn.request(now)])
        reached = {"scored": 2, "levels": {"low": 2}, "models": {"rule": 2}, "repaired": 0}
        reached |= {"total": 3, "next": tutors[2], "beyond": tutors[2] + 1, "left": []}
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(cursor=reached))

    job = answered(batch_predict_churn, job_id)

    assert list(scored()) == tutors[2:]
    assert job.result["tutors"] == 3


@pytest.mark.parametrize("actor", [batch_predict_churn, monitor_predictions])
@pytest.mark.parametrize("as_of", [datetime.now(UTC) + DAY, datetime(2026, 1, 8, 14, 30)])  # noqa: DTZ001 - refused
def test_an_instant_to_come_or_without_a_zone_is_refused_for_good(
    now: datetime, actor: JobActor[Any, Any], as_of: datetime
) -> None:
    with db.transaction() as connection:
        add_teaching_tutor(connection, now)

    job = answered(actor, actor.send(as_of))

    assert (job.state, job.error_type) == ("dead", "UnusableInstantError")
    assert scored() == {}


def test_an_instant_by_a_clock_that_is_a_little_ahead_is_not_to_come(now: datetime) -> None:
    with db.transaction() as connection:
        add_teaching_tutor(connection, now)

    job = answered(batch_predict_churn, batch_predict_churn.send(datetime.now(UTC) + timedelta(seconds=30)))

    assert (job.state, job.result["tutors"]) == ("done", 1)


def test_a_batch_of_nobody_is_done(now: datetime) -> None:
    job = answered(batch_predict_churn, batch_predict_churn.send(now))

    assert (job.state, job.result) == ("done", {"tutors": 0, "levels": {}, "models": {}, "repaired": 0})


def test_a_tutor_whose_picture_changed_is_scored_once_however_many_events(now: datetime) -> None:
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection, now)
        for reason in ("session missed", "low rating", "session missed"):
            rescoring.request(connection, [tutor], reason)
    with db.transaction() as connection:
        [job_id] = connection.execute(select(jobs.c.job_id)).scalars()

    job = answered(predict_churn_for_tutor, job_id)

    assert (job.state, job.result["tutors"]) == ("done", 1)
    assert scored()[tutor] >= now


def test_a_tutor_who_has_left_is_not_scored(now: datetime) -> None:
    with db.transaction() as connection:
        tutor = add_teaching_tutor(connection, now, silent_days=20)

    job = answered(predict_churn_for_tutor, predict_churn_for_tutor.send(tutor, "session missed"))

    assert (job.state, job.result["tutors"]) == ("done", 0)
    assert scored() == {}


def test_an_unknown_tutor_is_refused_for_good(now: datetime) -> None:
    job = answered(predict_churn_for_tutor, predict_churn_for_tutor.send(123456789, "session missed"))

    assert (job.state, job.error) == ("dead", "there is no tutor 123456789")
