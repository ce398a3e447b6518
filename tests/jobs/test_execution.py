"""One attempt, from the doorbell to the commit, in this process and on a database of its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, Row, select
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from tests.jobs import probes
from tests.jobs.outage import lose
from tutormax import db, failpoints, settings
from tutormax.failpoints import Failpoint
from tutormax.jobs import JobActor, execution, outcomes, ring
from tutormax.jobs.keeper import keeper
from tutormax.jobs.outcomes import Outcome
from tutormax.tables import jobs


@pytest.fixture(autouse=True)
def effects_table(database: str) -> Iterator[None]:
    """A database of the test's own with a table of effects; nobody is rung."""
    assert database
    ring.use(None)
    with db.transaction() as connection:
        probes.make_effects(connection)
    yield
    ring.use(None)


def answered(actor: JobActor[Any, Any], job: UUID) -> Outcome:
    """Answer a doorbell in this thread."""
    actor.answer(str(job))
    given = execution.given_answer()
    assert given is not None
    return given.result().outcome


def row(job: UUID) -> Row[tuple[object, ...]]:
    """Return the row of a job."""
    with db.transaction() as connection:
        return connection.execute(select(jobs).where(jobs.c.job_id == job)).one()


def left() -> list[str]:
    """Return the marks that were left."""
    with db.transaction() as connection:
        return probes.effects(connection)


def test_effect_and_completion_commit_together() -> None:
    job = probes.leave_mark.send("a")

    assert answered(probes.leave_mark, job) is Outcome.SUCCESS
    assert (left(), row(job).state, row(job).result) == (["a"], "done", {"left": "a"})


@pytest.fixture
def after_commit() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Let something happen just when a completion has committed, before its attempt knows."""

    def arm(happen: Callable[[], None]) -> None:
        failpoints.arm(lambda point: happen() if point is Failpoint.AFTER_COMMIT else None)

    yield arm
    failpoints.arm(None)


def test_a_keeper_that_looks_just_after_the_commit_does_not_call_the_job_lost(
    after_commit: Callable[[Callable[[], None]], None],
) -> None:
    after_commit(lambda: keeper().renew(time.monotonic()))
    job = probes.leave_mark.send("a")

    assert answered(probes.leave_mark, job) is Outcome.SUCCESS


def test_a_commit_whose_answer_is_cut_off_is_found_to_have_arrived(
    after_commit: Callable[[Callable[[], None]], None],
) -> None:
    def cut() -> None:
        raise OperationalError("commit", None, Exception("server closed the connection unexpectedly"))

    after_commit(cut)
    job = probes.leave_mark.send("a")

    assert answered(probes.leave_mark, job) is Outcome.SUCCESS
    assert (left(), row(job).state) == (["a"], "done")


def test_a_second_doorbell_finds_nothing_to_do() -> None:
    job = probes.leave_mark.send("a")
    answered(probes.leave_mark, job)

    assert answered(probes.leave_mark, job) is Outcome.SKIPPED
    assert left() == ["a"]


def test_a_job_that_somebody_holds_locked_keeps_no_thread_and_the_database_is_not_blamed() -> None:
    job = probes.leave_mark.send("a")
    answers: list[Outcome] = []

    with capture_logs() as lines:
        answering = threading.Thread(target=lambda: answers.append(answered(probes.leave_mark, job)))
        with db.transaction() as holder:
            holder.execute(sql("select from jobs where job_id = :job for update"), {"job": job})
            answering.start()
            answering.join(10)
            held_up = answering.is_alive()
        answering.join()

    assert (held_up, answers) == (False, [Outcome.SKIPPED])
    assert [line["error"] for line in lines] == [f"job {job} is locked by another transaction"]
    assert answered(probes.leave_mark, job) is Outcome.SUCCESS


def test_a_limited_job_that_somebody_holds_locked_keeps_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTORMAX_ORGANIZATION_MOST_RUNNING", "5")
    settings.current.cache_clear()
    job = probes.leave_mark.send("a")

    with db.transaction() as holder:
        holder.execute(sql("select from jobs where job_id = :job for update"), {"job": job})
        outcome = answered(probes.leave_mark, job)
    settings.current.cache_clear()

    assert outcome is Outcome.SKIPPED


def test_a_failed_attempt_leaves_nothing_and_is_tried_again() -> None:
    job = probes.fail_until.send("a", 2)

    assert answered(probes.fail_until, job) is Outcome.RETRY
    assert left() == []
    failed = row(job)
    assert (failed.state, failed.error, failed.error_type) == ("pending", "attempt 1 fails", "RuntimeError")
    assert "attempt 1 fails" in failed.traceback


def test_the_last_retry_is_followed_by_the_dead_letters() -> None:
    job = probes.fail_until.send("a", 99)

    outcomes = []
    for _ in range(4):
        with db.transaction() as connection:
            connection.execute(sql("update jobs set available_at = now()"))
        outcomes.append(answered(probes.fail_until, job))

    assert outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.RETRY, Outcome.DEAD]
    assert left() == []


def test_a_permanent_error_is_dead_at_once() -> None:
    job = probes.give_up.send("a")

    assert answered(probes.give_up, job) is Outcome.DEAD
    assert (left(), row(job).error) == ([], "a cannot be done")


def test_follow_up_work_is_sent_with_the_effect_or_not_at_all() -> None:
    answered(probes.leave_mark_and_send, probes.leave_mark_and_send.send("a"))

    with db.transaction() as connection:
        sent = connection.execute(select(jobs.c.args).where(jobs.c.actor == "leave_mark")).scalars().all()
    assert sent == [{"mark": "a followed"}]


def test_a_callers_rollback_takes_the_job_with_it() -> None:
    rung: list[UUID] = []
    ring.use(Bell(rung))
    with db.engine().connect() as connection:
        job = probes.leave_mark.send("a", connection=connection)
        connection.rollback()

    assert answered(probes.leave_mark, job) is Outcome.SKIPPED
    assert (left(), rung) == ([], [])


def test_it_is_rung_after_the_commit_and_only_then() -> None:
    rung: list[UUID] = []
    ring.use(Bell(rung))

    with db.transaction() as connection:
        job = probes.leave_mark.send("a", connection=connection)
        assert rung == []

    assert rung == [job]


class Bell:
    """A bell that remembers for whom it rang."""

    def __init__(self, rung: list[UUID]) -> None:
        self._rung = rung

    def ring(self, doorbells: Sequence[ring.Doorbell]) -> None:
        """Remember."""
        self._rung.extend(doorbell.job_id for doorbell in doorbells)

    def waiting(self, queue: str) -> int:
        """Nothing waits."""
        return len(queue) * 0


@pytest.mark.parametrize("in_database", [True, False])
def test_a_job_past_its_time_limit_is_stopped_in_python_and_in_the_database(in_database: bool) -> None:
    job = probes.hang.send("a", in_database)

    assert answered(probes.hang, job) is Outcome.DEAD
    assert left() == []
    assert "0.5 s" in row(job).error or "statement timeout" in row(job).error


def test_a_worker_that_lost_its_lease_writes_nothing() -> None:
    job = probes.leave_mark.send("a", 0.3)
    thread = threading.Thread(target=probes.leave_mark.answer, args=(str(job),))
    thread.start()
    time.sleep(0.1)
    with db.transaction() as connection:
        connection.execute(sql("update jobs set fence = fence + 1"))

    thread.join()

    assert left() == []
    assert row(job).state == "running"


def test_a_worker_that_is_replaced_and_lives_is_not_counted_as_dead() -> None:
    def replace() -> None:
        with db.transaction() as connection:
            connection.execute(sql("update jobs set fence = fence + 1, recoveries = recoveries + 1"))

    failpoints.arm(lambda point: replace() if point is Failpoint.BEFORE_EFFECT else None)
    job = probes.leave_mark.send("a")
    outcome = answered(probes.leave_mark, job)
    failpoints.arm(None)

    assert (outcome, row(job).recoveries, left()) == (Outcome.LOST, 0, [])


def test_an_outcome_waits_for_the_database_and_is_written_when_it_is_back(database: str, engine: Engine) -> None:
    failpoints.arm(lambda point: lose(database, engine, seconds=4.0) if point is Failpoint.AFTER_EFFECT else None)
    job = probes.leave_mark.send("a")
    outcome = answered(probes.leave_mark, job)
    failpoints.arm(None)

    assert (outcome, row(job).state, row(job).error_type, left()) == (Outcome.RETRY, "pending", "OperationalError", [])


def test_a_cancelled_job_is_stopped_and_keeps_what_it_had_committed() -> None:
    job = probes.count_piece_by_piece.send("a", 200, 0.1)
    thread = threading.Thread(target=probes.count_piece_by_piece.answer, args=(str(job),))
    thread.start()
    eventually_running(job)

    with db.transaction() as connection:
        connection.execute(sql("update jobs set cancel_requested = true"))
    thread.join(timeout=10)

    assert row(job).state == "cancelled"
    assert len(left()) < 200


def test_a_job_that_stumbles_when_it_is_told_to_stop_has_stopped_and_not_failed() -> None:
    job = probes.stumble.send("a")
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(answered(probes.stumble, job)))
    thread.start()
    time.sleep(0.3)
    with db.transaction() as connection:
        connection.execute(sql("update jobs set cancel_requested = true"))
    thread.join()

    assert (outcomes, row(job).state, left()) == ([Outcome.CANCELLED], "cancelled", [])


def test_a_long_job_is_interrupted_between_its_pieces_and_resumes_without_spending_an_attempt() -> None:
    job = probes.count_piece_by_piece.send("a", 12, 0.1)
    thread = threading.Thread(target=probes.count_piece_by_piece.answer, args=(str(job),))
    thread.start()
    eventually_running(job)
    time.sleep(0.4)
    keeper().shut_down(grace_seconds=0)
    thread.join()
    keeper()._shutdown_at = None  # noqa: SLF001 - the process of the tests lives on
    done_before = len(left())
    released = row(job)

    outcome = answered(probes.count_piece_by_piece, job)

    assert (released.state, released.attempts) == ("pending", 0)
    assert 0 < done_before < 12
    assert outcome is Outcome.SUCCESS
    assert left() == sorted(f"a {piece}" for piece in range(12))


def test_progress_can_be_seen_while_the_job_runs() -> None:
    job = probes.count_piece_by_piece.send("a", 25, 0.1)
    thread = threading.Thread(target=probes.count_piece_by_piece.answer, args=(str(job),))
    thread.start()

    seen = []
    while thread.is_alive():
        seen.append(row(job).progress)
        thread.join(timeout=0.1)

    assert any(progress and 0 < progress["done"] < 25 for progress in seen)


def eventually_running(job: UUID) -> None:
    """Wait until a job runs."""
    for _ in range(200):
        if row(job).state == "running":
            return
        time.sleep(0.02)
    raise AssertionError(row(job))


def test_backoff_doubles_up_to_an_hour_with_jitter() -> None:
    waits = [outcomes.backoff(attempt, 60) for attempt in (1, 2, 3, 50)]

    for wait, most in zip(waits, (60, 120, 240, 3600), strict=True):
        assert 0.75 * most <= wait <= most
