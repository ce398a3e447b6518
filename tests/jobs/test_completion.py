"""Jobs without a transaction are completed by the clerk, while the thread that ran them goes on."""

from concurrent.futures import Future
from functools import partial
from threading import Timer
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, Row, select, text

from tests.jobs import probes
from tests.jobs.outage import lose
from tutormax import db, failpoints
from tutormax.failpoints import Failpoint
from tutormax.jobs import JobActor, execution, ring
from tutormax.jobs.clerk import clerk
from tutormax.jobs.execution import Answer
from tutormax.jobs.outcomes import Outcome
from tutormax.jobs.ring import Doorbell
from tutormax.tables import jobs

pytestmark = pytest.mark.usefixtures("own_ledger")


def begun(actor: JobActor[Any, Any], job: UUID) -> Future[Answer]:
    """Answer a doorbell as a worker's thread does."""
    actor.begin(str(job))
    given = execution.given_answer()
    assert given is not None
    return given


def row(job: UUID) -> Row[tuple[object, ...]]:
    """Return the row of a job."""
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def test_the_thread_goes_on_and_the_answer_comes_when_the_ledger_knows() -> None:
    job = probes.say.send("a")

    with db.engine().begin() as holder:
        failpoints.arm(partial(_lock, holder, job))
        given = begun(probes.say, job)
        # Whoever holds the row lets go a moment later.
        waited = not given.done()
        Timer(0.5, holder.commit).start()
        answer = given.result(10)

    assert waited
    assert (answer.outcome, row(job).state, row(job).result) == (Outcome.SUCCESS, "done", {"said": "a"})


def _lock(holder: object, job: UUID, point: Failpoint) -> None:
    if point is Failpoint.BEFORE_COMMIT:
        holder.execute(text("select job_id from jobs where job_id = :job for update"), {"job": job})  # type: ignore[attr-defined]


def test_a_completion_waits_for_the_database_and_the_work_is_not_done_again(database: str, engine: Engine) -> None:
    jobs_sent = [probes.say.send(str(number)) for number in range(3)]
    failpoints.arm(lambda point: lose(database, engine, seconds=2.0) if point is Failpoint.BEFORE_COMMIT else None)
    first = begun(probes.say, jobs_sent[0])
    failpoints.arm(None)

    assert first.result(30).outcome is Outcome.SUCCESS
    assert [begun(probes.say, job).result(30).outcome for job in jobs_sent[1:]] == [Outcome.SUCCESS] * 2
    assert [(row(job).state, row(job).attempts) for job in jobs_sent] == [("done", 1)] * 3


def test_a_result_that_cannot_be_kept_fails_its_own_job_and_no_other() -> None:
    bad, good = probes.say_what_cannot_be_kept.send(), [probes.say.send(str(number)) for number in range(5)]

    refused = begun(probes.say_what_cannot_be_kept, bad)
    kept = [begun(probes.say, job) for job in good]

    assert (refused.result(10).outcome, refused.result().exception) == (Outcome.RETRY, "DataError")
    assert {each.result(10).outcome for each in kept} == {Outcome.SUCCESS}
    assert [row(job).result["said"] for job in good] == list("01234")
    assert row(bad).error_type == "DataError"


def test_who_was_replaced_meanwhile_completes_nothing() -> None:
    job = probes.say.send("a")

    def replace(point: Failpoint) -> None:
        if point is Failpoint.BEFORE_COMMIT:
            with db.transaction() as connection:
                connection.execute(text("update jobs set fence = fence + 1"))

    failpoints.arm(replace)
    given = begun(probes.say, job)

    assert given.result(10).outcome is Outcome.LOST
    assert (row(job).state, row(job).result) == ("running", None)


def test_what_was_asked_for_once_more_meanwhile_is_rung_for_again() -> None:
    rung: list[UUID] = []

    class Heard:
        def ring(self, doorbells: list[Doorbell]) -> None:
            rung.extend(each.job_id for each in doorbells)

    job = probes.say.send("a", key="one")
    ring.use(Heard())  # type: ignore[arg-type]  # it rings, and that is all that is asked
    failpoints.arm(lambda point: _again() if point is Failpoint.BEFORE_COMMIT else None)
    given = begun(probes.say, job)

    assert given.result(10).outcome is Outcome.SUCCESS
    assert (row(job).state, rung) == ("pending", [job])


def _again() -> None:
    probes.say.send("a", key="one")


def test_a_worker_that_stops_writes_what_has_ended() -> None:
    sent = [probes.say.send(str(number)) for number in range(20)]
    for job in sent:
        begun(probes.say, job)

    clerk().flush()

    assert {row(job).state for job in sent} == {"done"}


def test_who_has_locked_a_job_keeps_its_completion_waiting_and_no_others() -> None:
    locked, free = probes.say.send("a"), probes.say.send("b")

    with db.engine().connect() as holder:

        def lock(point: Failpoint) -> None:
            if point is Failpoint.BEFORE_COMMIT and not holder.in_transaction():
                holder.execute(text("select from jobs where job_id = :job for update"), {"job": locked})

        failpoints.arm(lock)
        waiting = begun(probes.say, locked)
        assert begun(probes.say, free).result(5).outcome is Outcome.SUCCESS
        assert not waiting.done()
        holder.rollback()

    assert waiting.result(10).outcome is Outcome.SUCCESS
    assert row(locked).state == "done"
