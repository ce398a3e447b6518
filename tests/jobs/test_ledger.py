"""Jobs as rows: asked for, taken under a fence, ended once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Row, select, update
from sqlalchemy import text as sql

from tests.jobs.probes import QUEUE, leave_mark
from tutormax.jobs import InvalidArgumentsError, Request, insert, lease, relay, ring
from tutormax.jobs.lease import Failure, Lease, LeaseLostError, State
from tutormax.tables import jobs

FAILURE = Failure("it failed", "RuntimeError")


def asked(connection: Connection, **facts: object) -> UUID:
    """Ask for one job; return its id."""
    return insert(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, **facts)])[0]  # type: ignore[arg-type]


def taken(connection: Connection, job: UUID, *, seconds: float = 30) -> Lease:
    """Take a job that must be there to take."""
    held = lease.take(connection, job, seconds=seconds, worker="test")
    assert held is not None
    return held


def row(connection: Connection, job: UUID) -> Row[tuple[object, ...]]:
    """Return the row of a job."""
    return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def test_a_job_is_asked_for_taken_and_done(connection: Connection) -> None:
    job = asked(connection)
    held = taken(connection, job)

    lease.finish(connection, held, lease.packed({"left": "a"}))

    ended = row(connection, job)
    assert (ended.state, ended.result, ended.attempts, ended.lease_until) == ("done", {"left": "a"}, 1, None)


def test_a_held_job_is_not_given_to_another(connection: Connection) -> None:
    job = asked(connection)
    taken(connection, job)

    assert lease.take(connection, job, seconds=30, worker="another") is None


def test_a_job_for_later_is_not_given_early(connection: Connection) -> None:
    job = asked(connection, run_at=datetime.now(UTC) + timedelta(hours=1))

    assert lease.take(connection, job, seconds=30, worker="test") is None


def test_an_expired_job_is_neither_given_nor_kept_pending(connection: Connection) -> None:
    job = asked(connection, expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert lease.take(connection, job, seconds=30, worker="test") is None
    assert relay.expire(connection) == 1
    assert row(connection, job).state == "cancelled"


def test_a_job_that_expired_in_the_hands_of_a_worker_that_went_silent_is_not_left_running(
    connection: Connection,
) -> None:
    job = asked(connection)
    taken(connection, job, seconds=-1)
    connection.execute(update(jobs).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    assert lease.take(connection, job, seconds=30, worker="test") is None
    assert relay.expire(connection) == 1
    assert (row(connection, job).state, row(connection, job).error_type) == ("cancelled", "Expired")


def test_a_silent_workers_job_is_recovered_under_a_new_fence(connection: Connection) -> None:
    job = asked(connection)
    first = taken(connection, job, seconds=-1)

    second = taken(connection, job)

    assert (second.fence, second.attempts, second.recoveries) == (first.fence + 1, 1, 1)


@pytest.mark.parametrize(
    "late",
    [
        lambda connection, held: lease.finish(connection, held, None),
        lambda connection, held: lease.retry(connection, held, FAILURE, seconds=0),
        lambda connection, held: lease.bury(connection, held, FAILURE),
        lease.release,
        lambda connection, held: lease.hold(connection, held, seconds=30),
    ],
    ids=["finish", "retry", "bury", "release", "hold"],
)
def test_a_worker_that_was_replaced_changes_nothing(
    connection: Connection, late: Callable[[Connection, Lease], object]
) -> None:
    job = asked(connection)
    replaced = taken(connection, job, seconds=-1)
    taken(connection, job)
    before = row(connection, job)

    with pytest.raises(LeaseLostError, match=str(job)):
        late(connection, replaced)

    assert row(connection, job) == before


def test_what_another_has_completed_is_not_taken_for_ones_own(connection: Connection) -> None:
    job = asked(connection)
    replaced = taken(connection, job, seconds=-1)
    second = taken(connection, job)

    lease.finish(connection, second, None)

    assert lease.is_done(connection, second)
    assert not lease.is_done(connection, replaced)


def test_a_worker_that_lives_after_it_was_replaced_has_not_died(connection: Connection) -> None:
    job = asked(connection)
    replaced = taken(connection, job, seconds=-1)
    second = taken(connection, job)

    lease.vouch(connection, second)
    before = row(connection, job).recoveries
    lease.vouch(connection, replaced)

    assert (before, row(connection, job).recoveries) == (1, 0)
    assert row(connection, job).fence == second.fence


def test_two_requests_with_one_key_are_one_job_at_the_earlier_time(connection: Connection) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    earlier = datetime.now(UTC) + timedelta(hours=1)

    first = asked(connection, key="tutor 7", run_at=later)
    second = asked(connection, key="tutor 7", run_at=earlier)

    assert first == second
    assert row(connection, first).available_at == earlier


@pytest.mark.parametrize(("first", "second", "kept"), [(1, None, None), (None, 1, None), (1, 2, 2), (2, 1, 2)])
def test_of_two_requests_with_one_key_the_one_that_is_wanted_for_longer_decides(
    connection: Connection, first: int | None, second: int | None, kept: int | None
) -> None:
    def at(hours: int | None) -> datetime | None:
        return None if hours is None else datetime(2100, 1, 1, hours, tzinfo=UTC)

    asked(connection, key="tutor 7", expires_at=at(first))
    job = asked(connection, key="tutor 7", expires_at=at(second))

    assert row(connection, job).expires_at == at(kept)


def test_two_requests_with_one_key_in_one_call_are_one_job(connection: Connection) -> None:
    request = Request("leave_mark", QUEUE, {"mark": "a"}, key="tutor 7")
    same = Request("leave_mark", QUEUE, {"mark": "b"}, key="tutor 7")

    first, second = insert(connection, [request, same])

    assert first == second


def test_a_key_is_free_again_once_its_job_has_ended(connection: Connection) -> None:
    first = asked(connection, key="tutor 7")
    lease.finish(connection, taken(connection, first), None)

    assert asked(connection, key="tutor 7") != first


def test_what_is_asked_for_while_it_runs_runs_once_more(connection: Connection) -> None:
    job = asked(connection, key="tutor 7")
    held = taken(connection, job)

    assert asked(connection, key="tutor 7") == job
    assert lease.finish(connection, held, None) is State.PENDING
    assert lease.finish(connection, taken(connection, job), None) is State.DONE


def test_what_is_asked_for_while_it_dies_lives_on_as_a_job_of_its_own(connection: Connection) -> None:
    at_noon = datetime(2099, 6, 15, 12, tzinfo=UTC)
    job = asked(connection, key="tutor 7", expires_at=at_noon)
    held = taken(connection, job)
    asked(connection, key="tutor 7", expires_at=at_noon)

    lease.bury(connection, held, FAILURE)

    alive = connection.execute(select(jobs).where(jobs.c.dedupe_key == "tutor 7", jobs.c.state == "pending")).one()
    assert alive.job_id != job
    assert alive.expires_at == at_noon
    assert row(connection, job).state == "dead"


def test_a_released_job_has_not_spent_an_attempt_and_keeps_its_cursor(connection: Connection) -> None:
    job = asked(connection)
    held = taken(connection, job)
    lease.hold(connection, held, seconds=30, cursor={"piece": 4})

    lease.release(connection, held)

    again = taken(connection, job)
    assert (again.attempts, again.cursor) == (1, {"piece": 4})


def test_a_failed_job_waits_with_its_error(connection: Connection) -> None:
    job = asked(connection)

    lease.retry(connection, taken(connection, job), Failure("a \0 b", "RuntimeError", "Traceback"), seconds=60)

    waiting = row(connection, job)
    assert (waiting.state, waiting.error, waiting.traceback) == ("pending", "a \\0 b", "Traceback")
    assert lease.take(connection, job, seconds=30, worker="test") is None


def test_the_relay_rings_for_what_is_due_and_left_alone(connection: Connection) -> None:
    forgotten, fresh, later, held, silent = (asked(connection) for _ in range(5))
    old = datetime.now(UTC) - timedelta(minutes=5)
    connection.execute(update(jobs).where(jobs.c.job_id != fresh).values(created_at=old))
    connection.execute(update(jobs).where(jobs.c.job_id == later).values(available_at=old + timedelta(hours=1)))
    taken(connection, held)
    taken(connection, silent, seconds=-1)

    rung = relay.due(connection, QUEUE, most=100, ring_again_seconds=6)
    rung_for_silent = relay.silent(connection, QUEUE, ring_again_seconds=6)

    assert [doorbell.job_id for doorbell in rung] == [forgotten]
    assert [doorbell.job_id for doorbell in rung_for_silent] == [silent]
    assert relay.due(connection, QUEUE, most=100, ring_again_seconds=6) == []
    assert relay.silent(connection, QUEUE, ring_again_seconds=6) == []


def test_the_relay_rings_for_crashed_workers_also_where_doorbells_fill_the_window(connection: Connection) -> None:
    bell = FullBell()
    ring.use(bell)
    asked(connection)
    crashed = asked(connection)
    connection.execute(update(jobs).values(created_at=datetime.now(UTC) - timedelta(minutes=5)))
    taken(connection, crashed, seconds=-1)

    relay.ring_due(connection, [QUEUE], window=10, ring_again_seconds=6)
    ring.use(None)

    assert [(doorbell.job_id, doorbell.reason) for doorbell in bell.rung] == [(crashed, ring.Reason.RECOVERY)]


class FullBell:
    """A bell that has ten doorbells already."""

    def __init__(self) -> None:
        self.rung: list[ring.Doorbell] = []

    def ring(self, doorbells: Sequence[ring.Doorbell]) -> None:
        """Remember for whom it rings."""
        self.rung += doorbells

    def waiting(self, _: str) -> int:
        """Ten."""
        return 10


def test_of_jobs_that_went_silent_twice_one_at_a_time_is_tried(connection: Connection) -> None:
    suspects = {asked(connection) for _ in range(3)}
    for job in [*suspects, *suspects]:
        taken(connection, job, seconds=-1)
    once = asked(connection)
    taken(connection, once, seconds=-1)

    unchosen = [lease.take(connection, job, seconds=30, worker="test") for job in suspects]
    first = {doorbell.job_id for doorbell in relay.silent(connection, QUEUE, ring_again_seconds=6)}
    (tried,) = first - {once}
    meanwhile = relay.silent(connection, QUEUE, ring_again_seconds=0)
    lease.finish(connection, taken(connection, tried), None)
    connection.execute(update(jobs).where(jobs.c.job_id.in_(suspects)).values(rung_at=None))
    then = {doorbell.job_id for doorbell in relay.silent(connection, QUEUE, ring_again_seconds=6)}

    assert unchosen == [None] * 3
    assert tried in suspects
    assert once in first
    assert len({doorbell.job_id for doorbell in meanwhile} & suspects) <= 1
    assert len(then & suspects) == 1
    assert tried not in then


def test_while_a_suspect_runs_no_other_of_any_queue_is_tried(connection: Connection) -> None:
    running, waiting = asked(connection), asked(connection)
    connection.execute(update(jobs).where(jobs.c.job_id == running).values(queue="another"))
    for job in (running, waiting, running, waiting):
        taken(connection, job, seconds=-1)

    connection.execute(update(jobs).where(jobs.c.job_id == running).values(rung_at=datetime.now(UTC)))
    taken(connection, running)

    assert relay.silent(connection, QUEUE, ring_again_seconds=6) == []
    assert row(connection, waiting).recoveries == 1


def test_no_suspect_waits_for_its_turn_for_longer_than_a_minute(connection: Connection) -> None:
    running, waiting = asked(connection), asked(connection)
    for job in (running, waiting, running, waiting):
        taken(connection, job, seconds=-1)
    connection.execute(update(jobs).where(jobs.c.job_id == running).values(rung_at=datetime.now(UTC)))
    taken(connection, running)

    connection.execute(
        update(jobs).where(jobs.c.job_id == waiting).values(lease_until=datetime.now(UTC) - timedelta(minutes=2))
    )

    assert [each.job_id for each in relay.silent(connection, QUEUE, ring_again_seconds=6)] == [waiting]


def test_the_relay_rings_for_the_most_urgent_first(connection: Connection) -> None:
    asked(connection)
    urgent = asked(connection, priority=5)
    connection.execute(update(jobs).values(created_at=datetime.now(UTC) - timedelta(minutes=5)))

    assert [doorbell.job_id for doorbell in relay.due(connection, QUEUE, most=1, ring_again_seconds=6)] == [urgent]


@pytest.mark.parametrize(
    ("args", "kwargs", "named"),
    [
        ((), {}, "mark"),
        ((7,), {}, "str"),
        (("a",), {"seconds": "long"}, "seconds"),
        (("a",), {"unknown": 1}, "unknown"),
        (("a" * 20_000,), {}, "bytes"),
    ],
)
def test_wrong_arguments_are_refused_by_name_and_nothing_is_written(
    connection: Connection, args: tuple[Any, ...], kwargs: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidArgumentsError, match=named):
        leave_mark.send(*args, connection=connection, **kwargs)

    assert connection.execute(sql("select count(*) from jobs")).scalar_one() == 0


def test_an_id_that_is_no_job_is_nothing_to_take(connection: Connection) -> None:
    assert lease.take(connection, uuid4(), seconds=30, worker="test") is None
