"""A job that somebody has asked to stop stops, whatever becomes of its worker; what is asked for afterwards is done."""

from uuid import UUID

from sqlalchemy import Connection, select, update

from tests.jobs.probes import QUEUE
from tests.jobs.test_ledger import FAILURE, asked, row, taken
from tutormax.jobs import lease, operations, relay
from tutormax.jobs.lease import State
from tutormax.tables import jobs

KEY = "tutor 7"


def cancelled_while_it_runs(connection: Connection, *, seconds: float = 30) -> tuple[UUID, lease.Lease]:
    job = asked(connection, key=KEY)
    held = taken(connection, job, seconds=seconds)
    assert operations.cancel(connection, job, who="test") is State.RUNNING
    return job, held


def successors(connection: Connection, job: UUID) -> list[UUID]:
    pending = select(jobs.c.job_id).where(jobs.c.dedupe_key == KEY, jobs.c.state == "pending", jobs.c.job_id != job)
    return list(connection.execute(pending).scalars())


def test_what_is_asked_for_after_a_cancellation_is_not_cancelled_with_it(connection: Connection) -> None:
    job, held = cancelled_while_it_runs(connection)
    asked(connection, key=KEY)

    # It ended by itself, before its worker heard.
    assert lease.finish(connection, held, None) is State.PENDING

    assert not row(connection, job).cancel_requested
    assert lease.finish(connection, taken(connection, job), None) is State.DONE


def test_a_job_that_goes_back_is_cancelled_in_its_place(connection: Connection) -> None:
    job, held = cancelled_while_it_runs(connection)

    assert lease.release(connection, held) is State.CANCELLED
    assert (row(connection, job).state, row(connection, job).error_type) == ("cancelled", "Cancelled")
    assert successors(connection, job) == []


def test_a_job_that_fails_is_not_tried_again(connection: Connection) -> None:
    job, held = cancelled_while_it_runs(connection)
    asked(connection, key=KEY)

    assert lease.retry(connection, held, FAILURE, seconds=0) is State.CANCELLED
    assert row(connection, job).state == "cancelled"
    assert len(successors(connection, job)) == 1


def test_nobody_takes_over_what_was_to_stop(connection: Connection) -> None:
    job, _ = cancelled_while_it_runs(connection, seconds=-1)

    assert relay.silent(connection, QUEUE, ring_again_seconds=0) == []
    assert lease.take(connection, job, seconds=30, worker="another") is None
    assert relay.expire(connection) == 1
    assert (row(connection, job).state, row(connection, job).error_type) == ("cancelled", "Cancelled")
    assert successors(connection, job) == []


def test_what_was_asked_for_meanwhile_lives_on_when_the_worker_goes_silent(connection: Connection) -> None:
    job, _ = cancelled_while_it_runs(connection)
    asked(connection, key=KEY)
    connection.execute(update(jobs).where(jobs.c.job_id == job).values(lease_until=jobs.c.created_at))

    relay.expire(connection)

    assert row(connection, job).state == "cancelled"
    assert len(successors(connection, job)) == 1


def test_a_cancelled_job_whose_worker_lives_is_left_to_it(connection: Connection) -> None:
    job, _ = cancelled_while_it_runs(connection)

    assert relay.expire(connection) == 0
    assert row(connection, job).state == "running"
