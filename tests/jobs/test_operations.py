"""What operators do with jobs, and the trace it leaves."""

import threading
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, select, text

from tests.faults.harness import eventually
from tests.jobs.probes import QUEUE
from tutormax import db
from tutormax.following import UnknownJobError
from tutormax.jobs import Request, insert, lease, operations
from tutormax.jobs.lease import Failure, State
from tutormax.jobs.operations import Selection
from tutormax.tables import audit_log, jobs


def asked(connection: Connection, *, key: str | None = None) -> UUID:
    """Ask for one job."""
    return insert(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, key=key)])[0]


def died(connection: Connection, error: str = "no such tutor 17", *, key: str | None = None) -> UUID:
    """Let a job die of an error."""
    job = asked(connection, key=key)
    held = lease.take(connection, job, seconds=30, worker="test")
    assert held is not None
    lease.bury(connection, held, Failure(error, "UnknownTutorError", "Traceback: as it was"))
    return job


def state(connection: Connection, job: UUID) -> str:
    """Return a job's state."""
    return str(operations.find(connection, job)["state"])


def test_a_waiting_job_is_cancelled_and_the_audit_log_says_by_whom(connection: Connection) -> None:
    job = asked(connection)

    assert operations.cancel(connection, job, who="cli:ann", reason="sent twice") is State.CANCELLED

    trace = connection.execute(select(audit_log)).one()
    assert (trace.who, trace.action, trace.subject, trace.reason) == ("cli:ann", "job cancel", str(job), "sent twice")


def test_a_running_job_is_asked_to_stop(connection: Connection) -> None:
    job = asked(connection)
    lease.take(connection, job, seconds=30, worker="test")

    assert operations.cancel(connection, job, who="cli:ann") is State.RUNNING
    assert operations.find(connection, job)["cancel_requested"]


def test_a_job_that_has_ended_is_not_cancelled(connection: Connection) -> None:
    job = died(connection)

    assert operations.cancel(connection, job, who="cli:ann") is State.DEAD
    assert connection.execute(select(audit_log)).all() == []


def test_dead_letters_are_grouped_by_error_whatever_numbers_it_names(connection: Connection) -> None:
    died(connection, "no such tutor 17")
    died(connection, "no such tutor 18")
    died(connection, f"job {uuid4()} is gone")

    groups = operations.dead_groups(connection)

    assert [(group.jobs, group.error) for group in groups] == [(2, "no such tutor …"), (1, "job … is gone")]


def test_a_requeued_job_starts_afresh_and_is_audited(connection: Connection) -> None:
    job = died(connection)

    assert operations.requeue(connection, Selection([job]), who="cli:ann", reason="fixed") == 1

    row = operations.find(connection, job)
    assert (row["state"], row["attempts"], row["finished_at"]) == ("pending", 0, None)
    assert connection.execute(select(audit_log.c.action)).scalar_one() == "job requeue"


def test_a_selection_means_what_matches_all_its_filters(connection: Connection) -> None:
    meant = died(connection, "no such tutor 17")
    died(connection, "the disk is full")

    selection = Selection(actor="leave_mark", error="NO SUCH tutor")

    assert operations.count_dead(connection, selection) == 1
    assert operations.requeue(connection, selection, who="cli:ann") == 1
    assert state(connection, meant) == "pending"


def test_what_is_meanwhile_asked_for_anew_stays_dead(connection: Connection) -> None:
    job = died(connection, key="tutor 7")
    asked(connection, key="tutor 7")

    assert operations.requeue(connection, Selection([job]), who="cli:ann") == 0
    assert state(connection, job) == "dead"


def test_of_several_dead_jobs_with_one_key_the_newest_is_requeued(connection: Connection) -> None:
    died(connection, key="tutor 7")
    newest = died(connection, key="tutor 7")

    assert operations.requeue(connection, Selection(), who="cli:ann") == 1
    assert state(connection, newest) == "pending"


def test_a_dropped_job_is_gone_but_the_audit_log_knows_what_it_was(connection: Connection) -> None:
    job = died(connection)

    assert operations.drop(connection, Selection([job]), who="cli:ann", reason="obsolete") == 1

    assert connection.execute(select(jobs)).all() == []
    assert connection.execute(select(audit_log.c.details)).scalar_one()["args"] == {"mark": "a"}


def test_a_group_is_named_and_shown_with_arguments_attempts_and_traceback(connection: Connection) -> None:
    first, second = died(connection, "no such tutor 17"), died(connection, "no such tutor 18")
    died(connection, "the disk is full")

    largest, _ = operations.dead_groups(connection)
    letters = operations.dead_letters(connection, largest.group_id, most=20)

    assert {letter["job_id"] for letter in letters} == {first, second}
    assert (letters[0]["args"], letters[0]["attempts"]) == ({"mark": "a"}, 1)
    assert letters[0]["traceback"] == "Traceback: as it was"


def test_a_group_is_requeued_or_dropped_whole_and_nothing_else(connection: Connection) -> None:
    for number in range(3):
        died(connection, f"no such tutor {number}")
    other = died(connection, "the disk is full")
    [group, _] = operations.dead_groups(connection)
    selection = Selection(group_id=group.group_id)

    assert operations.count_dead(connection, selection) == 3
    assert operations.requeue(connection, selection, who="cli:ann") == 3
    assert operations.drop(connection, selection, who="cli:ann") == 0
    assert state(connection, other) == "dead"


def test_a_preview_counts_by_group(connection: Connection) -> None:
    for error in ("no such tutor 1", "no such tutor 2", "the disk is full"):
        died(connection, error)

    groups = operations.dead_groups(connection, Selection(error="such tutor"))

    assert [group.jobs for group in groups] == [2]


def test_two_operators_who_requeue_the_same_requeue_it_once(database: str) -> None:
    assert database
    with db.transaction() as connection:
        job = died(connection)
    seen: list[int] = []

    def second() -> None:
        with db.transaction() as connection:
            seen.append(operations.requeue(connection, Selection([job]), who="cli:bob"))

    thread = threading.Thread(target=second)
    with db.transaction() as connection:
        seen.append(operations.requeue(connection, Selection([job]), who="cli:ann"))
        thread.start()
        eventually(somebody_waits_for_a_lock)
        held = lease.take(connection, job, seconds=30, worker="test")
        assert held is not None
        lease.finish(connection, held, None)
    thread.join()

    assert seen == [1, 0]
    with db.transaction() as connection:
        assert state(connection, job) == "done"


def somebody_waits_for_a_lock() -> bool:
    with db.transaction() as connection:
        found = connection.execute(text("select count(*) from pg_locks where not granted")).scalar_one()
    return bool(found)


def test_an_unknown_job_is_named(connection: Connection) -> None:
    unknown = uuid4()

    with pytest.raises(UnknownJobError, match=str(unknown)):
        operations.cancel(connection, unknown, who="cli:ann")
