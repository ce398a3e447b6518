"""The actors that invent facts and forget them: what they leave, and that running again leaves it so."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, select, text

from actors.data_generation import cleanup_old_data, generate_data_continuous, generate_synthetic_data
from tutormax import db, partitions, retention
from tutormax.jobs import JobActor, ring
from tutormax.partitions import Patience
from tutormax.tables import jobs


@pytest.fixture(autouse=True)
def _nobody_is_rung(database: str) -> Iterator[None]:
    assert database
    ring.use(None)
    yield
    ring.use(None)


def answered(actor: JobActor[Any, Any], job: UUID) -> Row[Any]:
    actor.answer(str(job))
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def value(statement: str) -> Any:
    with db.transaction() as connection:
        return connection.execute(text(statement)).scalar_one()


def test_a_sample_is_made_once() -> None:
    arguments: dict[str, Any] = {"num_tutors": 10, "num_sessions": 60, "target_date": date(2026, 1, 8), "seed": 7}

    first, again = (answered(generate_synthetic_data, generate_synthetic_data.send(**arguments)) for _ in range(2))

    assert (first.state, again.state) == ("done", "done")
    assert first.result["rows"]["tutors"] > 0 == again.result["rows"]["tutors"]
    assert first.result["organization_id"] == again.result["organization_id"]
    assert value("select count(*) from sessions where status not in ('scheduled', 'cancelled')") == 60
    assert value("select max(ended_at) from sessions where status = 'completed'").date() == date(2026, 1, 8)


def test_without_a_date_the_sample_ends_yesterday() -> None:
    before = datetime.now(UTC).date()

    job = answered(generate_synthetic_data, generate_synthetic_data.send(num_tutors=10, num_sessions=60))

    assert job.state == "done"
    newest = value("select max(ended_at) from sessions where status = 'completed'").date()
    assert before - timedelta(days=1) <= newest <= datetime.now(UTC).date() - timedelta(days=1)


def test_numbers_that_cannot_be_are_not_tried_again() -> None:
    job = answered(generate_synthetic_data, generate_synthetic_data.send(num_tutors=0))

    assert (job.state, job.attempts) == ("dead", 1)
    assert "0 tutors" in job.error


def test_the_marketplace_goes_on_a_batch_at_a_time_and_asks_for_scores() -> None:
    slot = datetime.now(UTC).replace(hour=0, minute=0) - timedelta(minutes=1)

    results = [answered(generate_data_continuous, generate_data_continuous.send(run_at=slot)).result for _ in range(2)]

    assert [result["rows"]["sessions"] for result in results] == [100, 100]
    assert value("select count(*) from sessions") == 200
    assert value("select name from organizations") == "synthetic marketplace"
    asked = value("select count(*) from jobs where actor = 'predict_churn_for_tutor'")
    assert 0 < asked <= sum(result["scores_requested"] for result in results)


def test_cleanup_keeps_what_the_setting_says_unless_told_otherwise() -> None:
    now = datetime.now(UTC)
    with db.transaction() as connection:
        partitions.ensure(connection, now - timedelta(days=900), now)
    usual = answered(cleanup_old_data, cleanup_old_data.send())
    shorter = answered(cleanup_old_data, cleanup_old_data.send(retention_days=400))

    assert usual.state == shorter.state == "done"
    assert usual.result["partitions_dropped"]
    assert shorter.result["partitions_dropped"]
    left = value(
        "select min(child.relname) from pg_inherits join pg_class child on child.oid = inhrelid"
        " where inhparent = 'sessions'::regclass"
    )
    assert left == f"sessions_{now - timedelta(days=400):%Y_%m}"


def test_a_cleanup_that_finds_months_in_use_is_put_off_and_has_cleaned_up_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    defaults = {**(retention.cleanup.__kwdefaults__ or {}), "patience": Patience(1, 0)}
    monkeypatch.setattr(retention.cleanup, "__kwdefaults__", defaults)
    years_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with db.transaction() as connection:
        partitions.ensure(connection, years_ago, years_ago)
        connection.execute(text("insert into touched_days (tutor_id, day) values (1, '2020-01-01')"))

    job = cleanup_old_data.send()
    with db.engine().begin() as reader:
        reader.execute(text("lock table sessions in access share mode"))
        put_off = answered(cleanup_old_data, job)
    with db.transaction() as connection:
        connection.execute(text("update jobs set available_at = clock_timestamp()"))

    assert (put_off.state, put_off.attempts) == ("pending", 0)
    assert put_off.available_at - put_off.started_at > timedelta(minutes=29)
    assert value("select count(*) from touched_days") == 0
    assert answered(cleanup_old_data, job).state == "done"
    assert value("select to_regclass('sessions_2020_01')") is None
