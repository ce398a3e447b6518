"""A batch of many tutors is shared out: whoever scores a shard and whatever becomes of it, it is done when all are."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, select

from actors.prediction import batch_predict_churn, predict_churn_of_shard
from tests.actors.test_prediction import add_teaching_tutor, answered, now, scored
from tests.surroundings import environment
from tutormax import db, failpoints
from tutormax.failpoints import Failpoint
from tutormax.jobs import JobActor
from tutormax.jobs import lease as leases
from tutormax.jobs.job import CancelInterruption, Interruption, ShutdownInterruption
from tutormax.jobs.lease import Failure, Lease, LeaseLostError
from tutormax.tables import churn_predictions, jobs

__all__ = ["now"]

TUTORS = 7
ALL = {"tutors": TUTORS, "models": {"rule": TUTORS}, "levels": {"low": TUTORS}, "repaired": 0}
OF_ANOTHER = {"tutors": 3, "models": {"another": 3}, "levels": {"high": 3}, "repaired": 1}


@pytest.fixture
def tutors(now: datetime) -> Iterator[list[int]]:
    """Seven tutors who teach, in shards of three."""
    with environment(TUTORMAX_CHURN_SHARD_SIZE="3"):
        with db.transaction() as connection:
            added = [add_teaching_tutor(connection, now) for _ in range(TUTORS)]
        yield added


def begun(now: datetime, stopped: type[Interruption] = ShutdownInterruption) -> UUID:
    """Return a batch that was stopped when it had just shared its work out."""

    def stop(point: Failpoint) -> None:
        if point is Failpoint.AFTER_PIECE:
            raise stopped

    batch = batch_predict_churn.send(now)
    failpoints.arm(stop)
    batch_predict_churn.answer(str(batch))
    failpoints.arm(None)
    return batch


def shards() -> list[Row[Any]]:
    """Return the shards' jobs, in the order of their tutors."""
    with db.transaction() as connection:
        rows = connection.execute(select(jobs).where(jobs.c.actor == predict_churn_of_shard.actor_name)).all()
    return sorted(rows, key=lambda row: int(row.args["first"]))


def taken(shard: UUID, *, seconds: float = 30) -> Lease:
    """Take a shard as another worker."""
    with db.transaction() as connection:
        lease = leases.take(connection, shard, seconds=seconds, worker="another")
    assert lease is not None
    return lease


def when_scored() -> dict[int, datetime]:
    """Return when each tutor's score was written."""
    columns = churn_predictions.c
    with db.transaction() as connection:
        rows = connection.execute(select(columns.tutor_id, columns.scored_at).order_by(columns.tutor_id)).all()
    return {row.tutor_id: row.scored_at for row in rows}


def finish(lease: Lease) -> None:
    """Finish a shard as another worker."""
    with db.transaction() as connection:
        leases.finish(connection, lease, leases.packed(OF_ANOTHER))


def test_a_batch_on_a_single_thread_scores_every_shard_itself(now: datetime, tutors: list[int]) -> None:
    job = answered(batch_predict_churn, batch_predict_churn.send(now))

    assert scored() == dict.fromkeys(tutors, now)
    assert (job.state, job.result) == ("done", ALL)
    assert [(shard.state, shard.error_type) for shard in shards()] == [("cancelled", "TakenBack")] * 2


def test_as_many_tutors_as_a_shard_holds_are_no_shards(now: datetime, tutors: list[int]) -> None:
    with environment(TUTORMAX_CHURN_SHARD_SIZE=str(TUTORS)):
        job = answered(batch_predict_churn, batch_predict_churn.send(now))

    assert job.result == ALL
    assert list(scored()) == tutors
    assert shards() == []


def test_shards_that_others_have_scored_are_counted_and_not_scored_again(now: datetime, tutors: list[int]) -> None:
    batch = begun(now)
    for shard in shards():
        answered(predict_churn_of_shard, shard.job_id)
    by_others = scored()

    job = answered(batch_predict_churn, batch)

    assert list(by_others) == tutors[3:]
    assert (job.state, job.result) == ("done", ALL)
    assert [shard.state for shard in shards()] == ["done", "done"]
    with db.transaction() as connection:
        latest = connection.execute(
            select(churn_predictions.c.tutor_id).order_by(churn_predictions.c.scored_at.desc()).limit(3)
        )
        assert sorted(latest.scalars()) == tutors[:3]


def test_nobody_is_left_out_whoever_scores_which_shard(now: datetime, tutors: list[int]) -> None:
    with db.transaction() as connection:
        # Ids of one and of two digits.
        everybody = [*tutors, *(add_teaching_tutor(connection, now) for _ in range(6))]
    batch = begun(now)
    answered(predict_churn_of_shard, shards()[-1].job_id)

    job = answered(batch_predict_churn, batch)

    assert sorted(scored()) == everybody
    assert job.result["tutors"] == len(everybody)


@pytest.mark.parametrize("actor", [batch_predict_churn, predict_churn_of_shard])
def test_who_is_stopped_after_every_chunk_leaves_nobody_out_and_scores_nobody_twice(
    now: datetime, tutors: list[int], actor: JobActor[Any, Any]
) -> None:
    whom = (tutors[0], tutors[-1] + 1) if actor is predict_churn_of_shard else ()
    seen: dict[int, datetime] = {}

    def stop(point: Failpoint) -> None:
        if point is Failpoint.AFTER_PIECE and len(when_scored()) > len(seen):
            raise ShutdownInterruption

    with environment(TUTORMAX_CHURN_SHARD_SIZE=str(TUTORS), WORKER_CHURN_BATCH_SIZE="2"):
        job_id = actor.send(now, *whom)
        failpoints.arm(stop)
        try:
            while (job := answered(actor, job_id)).state != "done":
                assert when_scored().items() > seen.items()
                seen = when_scored()
        finally:
            failpoints.arm(None)

    assert job.result == ALL
    assert list(seen) == tutors
    assert when_scored() == seen


def test_a_batch_is_not_done_before_the_shard_that_another_worker_holds(now: datetime, tutors: list[int]) -> None:
    batch = begun(now)
    another = taken(shards()[0].job_id)
    thread = threading.Thread(target=batch_predict_churn.answer, args=(str(batch),))
    thread.start()
    time.sleep(2)
    with db.transaction() as connection:
        before = connection.execute(select(jobs.c.state).where(jobs.c.job_id == batch)).scalar_one()

    finish(another)
    thread.join(timeout=30)

    assert before == "running"
    assert list(scored()) == [*tutors[:3], *tutors[6:]]
    with db.transaction() as connection:
        job = connection.execute(select(jobs).where(jobs.c.job_id == batch)).one()
    assert (job.state, job.result["models"], job.result["repaired"]) == ("done", {"rule": 4, "another": 3}, 1)


def test_a_shard_whose_worker_fell_silent_is_taken_from_it(now: datetime, tutors: list[int]) -> None:
    batch = begun(now)
    silent = taken(shards()[1].job_id, seconds=0)

    job = answered(batch_predict_churn, batch)

    assert (job.result, list(scored())) == (ALL, tutors)
    with pytest.raises(LeaseLostError):
        finish(silent)


def test_a_shard_that_died_is_scored_by_the_batch(now: datetime, tutors: list[int]) -> None:
    batch = begun(now)
    dead = taken(shards()[0].job_id)
    with db.transaction() as connection:
        leases.bury(connection, dead, Failure("it cannot be", "HopelessError"))

    job = answered(batch_predict_churn, batch)

    assert (job.result, list(scored())) == (ALL, tutors)
    assert shards()[0].state == "dead"


def test_a_batch_that_goes_on_sends_no_shard_twice(now: datetime, tutors: list[int]) -> None:
    assert tutors
    batch = begun(now)
    sent = [shard.job_id for shard in shards()]

    answered(batch_predict_churn, batch)

    assert [shard.job_id for shard in shards()] == sent


def test_two_batches_of_one_instant_share_their_shards(now: datetime, tutors: list[int]) -> None:
    assert tutors
    begun(now)
    begun(now)

    assert len(shards()) == 2


def test_whoever_cancels_a_batch_cancels_the_shards_that_nobody_has_begun(now: datetime, tutors: list[int]) -> None:
    assert tutors

    def cancel(point: Failpoint) -> None:
        if point is Failpoint.AFTER_PIECE and shards():
            raise CancelInterruption

    batch = begun(now)
    held = taken(shards()[0].job_id)
    failpoints.arm(cancel)
    job = answered(batch_predict_churn, batch)
    failpoints.arm(None)

    assert job.state == "cancelled"
    assert [shard.state for shard in shards()] == ["running", "cancelled"]
    finish(held)


def test_a_cursor_of_an_earlier_release_begins_again(now: datetime, tutors: list[int]) -> None:
    batch = begun(now)
    earlier = {"done": 2, "levels": {"low": 2}, "models": {"rule": 2}, "repaired": 0}
    with db.transaction() as connection:
        connection.execute(jobs.update().where(jobs.c.job_id == batch).values(cursor=earlier))

    job = answered(batch_predict_churn, batch)

    assert (job.result, list(scored())) == (ALL, tutors)
