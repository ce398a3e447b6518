"""The clerk gives each thread its own lease and writes each completion once, however many ask at one moment."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.jobs import probes
from tutormax import db
from tutormax.jobs import lease
from tutormax.jobs.clerk import Clerk, Ended
from tutormax.jobs.lease import Lease, State, packed

JOBS = 200


pytestmark = pytest.mark.usefixtures("own_ledger")


@pytest.fixture
def clerk(own_ledger: None) -> Iterator[Clerk]:
    """A clerk as a process has one."""
    with closing(Clerk()) as made:
        yield made


def sent(count: int) -> list[UUID]:
    """Send some jobs."""
    return [probes.leave_mark.send(str(number)) for number in range(count)]


def finished(clerk: Clerk, lease: Lease, result: dict[str, int] | None = None) -> State | None:
    """Let the clerk complete a job; return what it tells."""
    told: Future[State | None] = Future()
    clerk.finish(Ended(lease, packed(result), told.set_result))
    return told.result(10)


def cut() -> None:
    """Close every connection to this database but the one that does it."""
    with db.engine().begin() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )
        )


def states() -> dict[str, int]:
    """Return how many jobs are in each state."""
    with db.transaction() as connection:
        rows = connection.execute(text("select state, count(*) as jobs from jobs group by state")).all()
    return {row.state: row.jobs for row in rows}


def test_of_all_who_ask_for_a_job_one_gets_it(clerk: Clerk) -> None:
    jobs = sent(JOBS)

    with closing(Clerk()) as another, ThreadPoolExecutor(16) as threads:
        asked = [(each, job) for job in jobs for each in (clerk, another, clerk)]
        leases = list(threads.map(lambda pair: pair[0].take(pair[1]), asked))

    given = [each.job_id for each in leases if each is not None]
    assert sorted(given) == sorted(jobs)
    assert {each.fence for each in leases if each is not None} == {1}


def test_completions_are_written_with_their_own_results(clerk: Clerk) -> None:
    jobs = sent(JOBS)

    def done(number: int) -> State | None:
        taken = clerk.take(jobs[number])
        assert taken is not None
        return finished(clerk, taken, {"number": number})

    with ThreadPoolExecutor(16) as threads:
        ended = set(threads.map(done, range(JOBS)))

    assert ended == {State.DONE}
    with db.transaction() as connection:
        kept = connection.execute(text("select job_id, (result ->> 'number')::integer as number from jobs")).all()
    assert {row.job_id: row.number for row in kept} == {job: number for number, job in enumerate(jobs)}


def test_who_was_replaced_completes_nothing(clerk: Clerk) -> None:
    [job] = sent(1)
    replaced = clerk.take(job)
    assert replaced is not None
    with db.transaction() as connection:
        connection.execute(text("update jobs set fence = fence + 1"))

    assert finished(clerk, replaced) is None
    assert states() == {"running": 1}


def test_a_locked_job_is_waited_for_and_keeps_no_other_waiting(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    # Too long for this test, so that it does not depend on the machine.
    monkeypatch.setattr(lease, "LOCK_TIMEOUT", "30s")
    locked, free = sent(2)
    given = []

    with db.engine().begin() as holder:
        holder.execute(text("select job_id from jobs where job_id = :job for update"), {"job": locked})
        waiting = threading.Thread(target=lambda: given.append(clerk.take(locked)))
        waiting.start()
        other = clerk.take(free)
        waited = waiting.is_alive()
    waiting.join(10)

    assert other is not None
    assert waited
    assert [each and each.job_id for each in given] == [locked]


def test_a_connection_that_was_cut_is_made_anew(clerk: Clerk) -> None:
    first, second, third = sent(3)
    assert clerk.take(first) is not None

    cut()
    # Whoever is served just then hears of it; the job stays as it was.
    with pytest.raises(Exception, match=r"terminating|closed|lost"):
        clerk.take(second)

    assert clerk.take(second) is not None
    assert clerk.take(third) is not None


def test_what_the_clerk_has_taken_no_other_gets(clerk: Clerk) -> None:
    [job] = sent(1)
    assert clerk.take(job) is not None
    with db.transaction() as connection:
        assert lease.take(connection, job, seconds=30, worker="another") is None


def test_nobody_is_told_that_a_connection_was_cut_while_there_was_nothing_to_do(clerk: Clerk) -> None:
    first, second = sent(2)
    taken = clerk.take(first)
    assert taken is not None
    finished(clerk, taken)

    cut()
    time.sleep(db.FRESH_SECONDS)

    again = clerk.take(second)
    assert again is not None
    assert finished(clerk, again) is State.DONE


def test_a_lease_is_on_disk_when_it_is_told(clerk: Clerk) -> None:
    # A crash must not forget it: the next lease would have the same fence, and pieces could be written twice.
    [job] = sent(1)
    clerk.take(job)
    with clerk._takes.open() as connection:  # noqa: SLF001 - it is this very connection that must wait for the disk
        assert connection.exec_driver_sql("show synchronous_commit").scalar_one() == "on"
