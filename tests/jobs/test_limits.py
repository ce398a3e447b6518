"""Limits hold back what is too much, a killed holder frees its place, and a full queue says so."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from actors.data_generation import generate_data_continuous
from tests.factories import add_organization, add_tutor
from tests.faults.harness import eventually
from tests.jobs.probes import QUEUE, leave_mark
from tutormax import db, metrics, queries, rescoring, settings
from tutormax.jobs import Request, insert, lease, limits, relay
from tutormax.jobs.limits import Limit, QueueFullError


@contextmanager
def set_to(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Iterator[None]:
    """Let settings be otherwise for a while."""
    with monkeypatch.context() as changed:
        for name, value in variables.items():
            changed.setenv(name, value)
        settings.current.cache_clear()
        yield
    settings.current.cache_clear()


def asked(
    connection: Connection, count: int, *, organization: int | None = None, actor: str = "leave_mark"
) -> list[UUID]:
    """Ask for jobs, one after the other."""
    request = partial(Request, actor, QUEUE, {"mark": "a"}, organization_id=organization)
    return [insert(connection, [request()])[0] for _ in range(count)]


def started(connection: Connection, jobs: list[UUID], limit: Limit, *, seconds: float = 30) -> list[lease.Lease]:
    """Let a worker try each of some jobs; return those that it may have."""
    tried = [limits.take(connection, job, lambda: limit, seconds=seconds, worker="test") for job in jobs]
    return [held for held in tried if held is not None]


def somebody_waits() -> bool:
    """Tell whether a session of this database waits for a lock."""
    waiting = "select true from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    # A transaction each time: what it has seen of others, it goes on seeing.
    with db.transaction() as connection:
        return bool(connection.execute(text(waiting)).scalar())


def later(connection: Connection, span: timedelta) -> None:
    """Let time pass for leases and paces."""
    connection.execute(
        text("update jobs set lease_until = lease_until - :span where state = 'running'"), {"span": span}
    )
    connection.execute(text("update paces set free_at = free_at - :span"), {"span": span})


def test_of_one_actor_so_many_run_at_once(connection: Connection) -> None:
    jobs = asked(connection, 5)

    held = started(connection, jobs, Limit(most_running=2))

    assert [one.job_id for one in held] == jobs[:2]


def test_another_actor_has_places_of_its_own(connection: Connection) -> None:
    started(connection, asked(connection, 2), Limit(most_running=2))

    assert len(started(connection, asked(connection, 3, actor="hang"), Limit(most_running=2))) == 2


def test_whoever_ends_frees_a_place_and_the_next_in_line_is_rung_for(connection: Connection) -> None:
    first, second, _ = asked(connection, 3)
    [held] = started(connection, [first, second], Limit(most_running=1))
    lease.finish(connection, held, None)

    [doorbell] = limits.next_in_line(connection, held, lambda: Limit(most_running=1))

    assert doorbell.job_id == second
    assert started(connection, [second], Limit(most_running=1))


def test_a_holder_that_was_killed_frees_its_place_with_its_lease(connection: Connection) -> None:
    first, second = asked(connection, 2)
    started(connection, [first], Limit(most_running=1))
    assert started(connection, [second], Limit(most_running=1)) == []

    later(connection, timedelta(seconds=31))

    assert started(connection, [second], Limit(most_running=1))


def test_what_is_taken_over_from_a_silent_worker_needs_no_second_place(connection: Connection) -> None:
    [job] = asked(connection, 1)
    started(connection, [job], Limit(most_running=1))
    later(connection, timedelta(seconds=31))

    [held] = started(connection, [job], Limit(most_running=1))

    assert held.recoveries == 1


def test_as_many_start_at_once_as_fit_into_six_seconds(connection: Connection) -> None:
    jobs, began = asked(connection, 30), time.monotonic()

    at_once = len(started(connection, jobs, Limit(per_minute=60)))

    # While they start, time passes.
    assert 7 <= at_once <= 8 + time.monotonic() - began


def test_starts_are_evenly_spaced_however_often_one_asks(connection: Connection) -> None:
    jobs = asked(connection, 40)
    limit = Limit(per_minute=0.1)

    counts = []
    for _ in range(24):
        counts.append(len(started(connection, jobs, limit)))
        later(connection, timedelta(minutes=5))

    # One at once, and then one every ten minutes: every other time that somebody asks.
    assert counts == [1, 0] * 12


def test_what_was_not_used_is_not_saved(connection: Connection) -> None:
    jobs, limit = asked(connection, 5), Limit(per_minute=0.1)
    started(connection, jobs, limit)
    later(connection, timedelta(hours=10))

    assert len(started(connection, jobs, limit)) == 1


def test_a_job_that_is_held_back_stays_as_it_was(connection: Connection) -> None:
    jobs = asked(connection, 2)
    started(connection, jobs, Limit(most_running=1))

    row = connection.execute(
        text("select state, attempts, fence from jobs where job_id = :job"), {"job": jobs[1]}
    ).one()

    assert row == ("pending", 0, 0)


def test_each_organization_has_its_own_places(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = add_organization(connection), add_organization(connection)
    jobs = asked(connection, 5, organization=large) + asked(connection, 1, organization=small) + asked(connection, 3)

    with set_to(monkeypatch, TUTORMAX_ORGANIZATION_MOST_RUNNING="2"):
        held = started(connection, jobs, Limit())

    assert [one.organization_id for one in held] == [large, large, small, None, None, None]


def test_each_organization_has_its_own_pace(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = add_organization(connection), add_organization(connection)
    jobs = asked(connection, 50, organization=large) + asked(connection, 5, organization=small)

    with set_to(monkeypatch, TUTORMAX_ORGANIZATION_JOBS_PER_MINUTE="60"):
        held = started(connection, jobs, Limit())

    assert [one.organization_id for one in held] == [large] * 7 + [small] * 5


def test_of_many_workers_that_look_at_once_no_more_than_the_limit_start(database: str) -> None:
    assert database
    with db.transaction() as connection:
        jobs = asked(connection, 16)
    together, held = threading.Barrier(16), []

    def work(job: UUID) -> None:
        together.wait()
        with db.transaction() as connection:
            held.extend(started(connection, [job], Limit(most_running=3)))

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(held) == 3


def test_whoever_waits_for_a_locked_job_keeps_no_other_of_its_limit_from_starting(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database
    monkeypatch.setattr(lease, "LOCK_TIMEOUT", "30s")
    with db.transaction() as connection:
        locked, free = asked(connection, 2)
    held: dict[UUID, list[lease.Lease]] = {}

    def work(job: UUID) -> None:
        with db.transaction() as connection:
            held[job] = started(connection, [job], Limit(most_running=5))

    threads = {job: threading.Thread(target=work, args=(job,)) for job in (locked, free)}
    with db.transaction() as connection:
        connection.execute(queries.load("lock_job"), {"job_id": locked})
        threads[locked].start()
        eventually(somebody_waits)
        threads[free].start()
        threads[free].join(10)
        started_beside = list(held)
    for thread in threads.values():
        thread.join()

    assert started_beside == [free]
    assert len(held[locked]) == 1


def test_a_doorbell_of_a_job_that_has_ended_or_is_not_due_is_not_counted_as_held_back(connection: Connection) -> None:
    ended, other, not_due = asked(connection, 3)
    later = text("update jobs set available_at = available_at + interval '1 hour' where job_id = :job")
    connection.execute(later, {"job": not_due})
    limit = Limit(most_running=1)
    [done] = started(connection, [ended], limit)
    lease.finish(connection, done, None)
    started(connection, [other], limit)
    counted = metrics.JOBS_HELD_BACK.labels(QUEUE, "leave_mark", "actor_running")
    before = counted._value.get()  # noqa: SLF001

    assert started(connection, [ended, not_due], limit) == []

    assert counted._value.get() == before  # noqa: SLF001


def test_generation_starts_125_jobs_a_minute_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = generate_data_continuous._plan.limit  # noqa: SLF001 - what its worker reads

    assert limit() == Limit(per_minute=125)
    with set_to(monkeypatch, TUTORMAX_GENERATION_JOBS_PER_MINUTE="30"):
        assert limit() == Limit(per_minute=30)


def test_a_job_about_a_tutor_belongs_to_the_tutors_organization(connection: Connection) -> None:
    organization = add_organization(connection)
    tutor = add_tutor(connection, organization=organization)

    rescoring.request(connection, [tutor], "a test")

    assert connection.execute(text("select organization_id from jobs")).scalar_one() == organization


@pytest.mark.parametrize("odd", [-1, 0, 2**31, 10**40, 1.5, "7", None, [1], True])
def test_an_argument_that_names_no_tutor_belongs_to_nobody(connection: Connection, odd: object) -> None:
    insert(connection, [Request("leave_mark", QUEUE, {"tutor_id": odd})])

    assert connection.execute(text("select organization_id from jobs")).scalar_one() is None


def test_a_full_queue_refuses_and_says_what_to_do(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with set_to(monkeypatch, TUTORMAX_QUEUE_CAP="3"):
        for _ in range(3):
            leave_mark.send("a", connection=connection)

        with pytest.raises(QueueFullError, match=r"queue probes is full: 3 jobs wait and 1 more.*cap of 3.*QUEUE_CAP"):
            leave_mark.send("a", connection=connection)

    assert connection.execute(text("select count(*) from jobs")).scalar_one() == 3


def test_what_is_one_job_however_often_it_is_asked_for_is_never_refused(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with set_to(monkeypatch, TUTORMAX_QUEUE_CAP="1"):
        leave_mark.send("a", connection=connection)

        leave_mark.send("a", connection=connection, key="tutor 7")

    assert connection.execute(text("select count(*) from jobs")).scalar_one() == 2


def test_a_queue_that_has_been_worked_off_takes_more(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with set_to(monkeypatch, TUTORMAX_QUEUE_CAP="1"):
        leave_mark.send("a", connection=connection)
        connection.execute(text("update jobs set state = 'done'"))

        assert leave_mark.send("a", connection=connection)


def rung(connection: Connection, most: int) -> list[UUID]:
    """Return for whom the relay rings, in order."""
    connection.execute(text("update jobs set created_at = created_at - interval '1 minute'"))
    return [bell.job_id for bell in relay.due(connection, QUEUE, most=most, ring_again_seconds=6)]


def test_organizations_take_turns(connection: Connection) -> None:
    large, small = add_organization(connection), add_organization(connection)
    many = asked(connection, 20, organization=large)
    few = asked(connection, 3, organization=small)
    nobodys = asked(connection, 2)

    first_nine = rung(connection, 9)

    assert {*few, *nobodys} <= set(first_nine)
    assert [job for job in first_nine if job in many] == [job for job in many if job in first_nine]


def test_urgent_jobs_come_before_all_turns(connection: Connection) -> None:
    organization = add_organization(connection)
    asked(connection, 3)
    requests = [Request("leave_mark", QUEUE, {}, organization_id=organization, priority=5) for _ in range(4)]
    urgent = insert(connection, requests)

    assert set(rung(connection, 4)) == set(urgent)
