"""Leases are taken beforehand for doorbells that have a thread to themselves, and given back where no thread comes."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from dramatiq.worker import Worker
from sqlalchemy import select, text

from tests.faults.harness import Redis
from tests.jobs import probes
from tutormax import db, middleware, settings
from tutormax.broker import DoorbellBroker
from tutormax.broker.redis_lists import RedisConsumer
from tutormax.jobs import JobActor, limits, ring
from tutormax.jobs.clerk import clerk
from tutormax.jobs.keeper import keeper
from tutormax.jobs.lease import Lease
from tutormax.jobs.limits import Limit
from tutormax.tables import jobs

THREADS, SENT = 4, 6


@pytest.fixture
def broker(database: str) -> Iterator[DoorbellBroker]:
    """A broker on a Redis of the test's own, through which the ledger rings; its worker has one queue."""
    assert database
    server = Redis()
    made = DoorbellBroker(server.url)
    made.declare_queue(probes.QUEUE)
    made.actors["say"] = object()  # type: ignore[assignment]  # only its name is asked for
    made.leases_beforehand = True
    ring.use(made)
    yield made
    ring.use(None)
    made.close()
    server.close()


def consumer(broker: DoorbellBroker) -> RedisConsumer:
    """Return a consumer for four threads that has fetched doorbells for all of them, and handed out two."""
    made = RedisConsumer(broker, probes.QUEUE, limit=THREADS)
    # The first comes alone; where one was, there may be more.
    assert next(made) is not None
    assert next(made) is not None
    return made


def stand(sent: Sequence[UUID]) -> list[tuple[str, int]]:
    """Return the states and attempts of jobs."""
    with db.transaction() as connection:
        rows = connection.execute(select(jobs.c.job_id, jobs.c.state, jobs.c.attempts)).all()
    found = {row.job_id: (row.state, row.attempts) for row in rows}
    return [found[job] for job in sent]


def sent_to(actor: JobActor[Any, Any]) -> list[UUID]:
    """Send some jobs."""
    return [actor.send(str(number)) for number in range(SENT)]


TAKEN, WAITS = ("running", 1), ("pending", 0)


def test_who_was_fetched_in_company_has_a_lease_when_its_thread_asks(broker: DoorbellBroker) -> None:
    sent = sent_to(probes.say)

    consumer(broker)

    # The first asks for itself, three are held for threads, the others have none.
    assert stand(sent) == [WAITS, TAKEN, TAKEN, TAKEN, WAITS, WAITS]
    lease = clerk().take(sent[1])
    assert lease is not None
    assert (lease.job_id, lease.fence) == (sent[1], 1)
    # It was one thread's; a second doorbell of that job finds nothing.
    assert clerk().take(sent[1]) is None


def test_what_no_thread_has_begun_is_given_back_as_if_it_had_not_been_taken(broker: DoorbellBroker) -> None:
    sent = sent_to(probes.say)
    made = RedisConsumer(broker, probes.QUEUE, limit=THREADS)
    assert next(made) is not None
    handed_out = next(made)
    assert handed_out is not None

    made.requeue([handed_out])
    made.close()

    assert stand(sent) == [WAITS] * SENT


def test_what_a_limit_may_hold_back_is_not_taken_beforehand(
    broker: DoorbellBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_to(probes.say)
    monkeypatch.setattr(probes.say, "limit", lambda: Limit(most_running=1))

    consumer(broker)

    assert stand(sent) == [WAITS] * SENT


def test_a_worker_that_stops_takes_nothing_beforehand(broker: DoorbellBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = sent_to(probes.say)
    monkeypatch.setattr(keeper(), "_shutdown_at", 0.0)

    consumer(broker)

    assert stand(sent) == [WAITS] * SENT


def test_a_database_that_hangs_holds_no_consumer_and_what_comes_too_late_is_given_back(
    broker: DoorbellBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_to(probes.say)
    answers, taken = threading.Event(), clerk().reserve._take  # noqa: SLF001 - what asks the database

    def hang(wanted: Sequence[UUID]) -> Sequence[Lease | None]:
        answers.wait(10)
        return taken(wanted)

    monkeypatch.setattr(clerk().reserve, "_take", hang)
    began = time.monotonic()
    made = consumer(broker)
    # While it hangs nobody waits for it once more.
    assert next(made) is not None
    held_seconds = time.monotonic() - began
    answers.set()

    assert held_seconds < 5
    until(lambda: not clerk().reserve._filling)  # noqa: SLF001 - nothing else tells that it is over
    assert stand(sent) == [WAITS] * SENT


def test_a_connection_that_was_cut_meanwhile_is_nobodys_error(
    broker: DoorbellBroker, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sent = sent_to(probes.say)
    for job in sent[:2]:
        clerk().take(job)
    with db.transaction() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )
        )

    consumer(broker)

    assert clerk().reserve._taking.flush(10)  # noqa: SLF001 - whoever would tell has had its say
    assert stand(sent[2:4]) == [WAITS, WAITS]
    assert "not done" not in caplog.text + "".join(capsys.readouterr())


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.01)


@pytest.mark.parametrize(("queues", "beforehand"), [({"one"}, True), ({"one", "two"}, False)])
def test_only_a_worker_of_one_queue_takes_beforehand(queues: set[str], beforehand: bool) -> None:
    made = DoorbellBroker("redis://127.0.0.1:1/0")
    worker = Worker(made, queues=queues)
    worker.consumers = dict.fromkeys(queues)  # type: ignore[assignment]  # only their number is asked for

    middleware.Lifecycle().after_worker_boot(made, worker)

    assert made.leases_beforehand is beforehand


def test_what_limits_an_organization_limits_what_is_taken_beforehand(
    broker: DoorbellBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_to(probes.say)
    monkeypatch.setattr(limits, "of_organizations", lambda: Limit(per_minute=1))

    consumer(broker)

    assert stand(sent) == [WAITS] * SENT


def test_a_lease_that_has_lain_for_too_long_is_given_back(
    broker: DoorbellBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_to(probes.say)
    consumer(broker)
    later = time.monotonic() + settings.current().job_lease_seconds
    monkeypatch.setattr(time, "monotonic", lambda: later)

    lease = clerk().take(sent[1])

    assert lease is not None
    # Given back and taken afresh, for a whole lease.
    assert lease.fence == 2
