"""A job that was accepted has its effect once, whatever dies in between."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.faults.brokers import started_broker
from tests.faults.harness import Broker, Worker, eventually, left, relaying, rung_by_us, states
from tests.jobs import probes
from tutormax import db
from tutormax.jobs import ring


@pytest.fixture
def own_broker(database: str, broker_kind: str) -> Iterator[Broker]:
    """A broker that the test may kill, rung by this process, and a table of effects."""
    assert database
    with rung_by_us(started_broker(broker_kind)) as started:
        yield started


def marks(prefix: str, count: int) -> list[str]:
    """Return the marks of a series."""
    return sorted(f"{prefix} {number:04}" for number in range(count))


def send(prefix: str, count: int, seconds: float = 0.0) -> None:
    """Send a series of jobs, each of which leaves one mark."""
    for mark in marks(prefix, count):
        probes.leave_mark.send(mark, seconds)


def test_the_broker_flushed_with_work_pending(own_broker: Broker) -> None:
    send("a", 50)

    own_broker.flush()

    with relaying(), Worker(own_broker.url):
        eventually(lambda: states() == {"done": 50})
    assert left() == marks("a", 50)


def test_the_broker_killed_and_started_empty_while_workers_run(own_broker: Broker) -> None:
    with relaying(), Worker(own_broker.url):
        send("a", 20)
        eventually(lambda: len(left()) > 0)
        own_broker.kill()
        send("b", 20)
        own_broker.restart()
        send("c", 20)

        eventually(lambda: states() == {"done": 60})
    assert left() == marks("a", 20) + marks("b", 20) + marks("c", 20)


def test_the_broker_frozen_for_longer_than_every_timeout(own_broker: Broker) -> None:
    with relaying(), Worker(own_broker.url):
        send("a", 5)
        eventually(lambda: states() == {"done": 5})
        own_broker.freeze()
        time.sleep(7)
        own_broker.thaw()
        send("b", 5)

        eventually(lambda: states() == {"done": 10})
    assert left() == marks("a", 5) + marks("b", 5)


def test_every_connection_cut_while_workers_run(own_broker: Broker) -> None:
    with relaying(), Worker(own_broker.url):
        send("a", 20)
        eventually(lambda: len(left()) > 0)
        own_broker.cut()
        send("b", 20)

        eventually(lambda: states() == {"done": 40})
    assert left() == marks("a", 20) + marks("b", 20)


def test_a_worker_killed_in_the_middle_of_its_work(own_broker: Broker) -> None:
    with relaying(), Worker(own_broker.url) as killed:
        send("a", 6, seconds=1.5)
        eventually(lambda: states().get("running", 0) > 0)
        killed.kill()
        with Worker(own_broker.url):
            eventually(lambda: states() == {"done": 6})

    assert left() == marks("a", 6)


def test_two_workers_and_one_job_rung_many_times(own_broker: Broker) -> None:
    job = probes.leave_mark.send("a", 0.5)
    ring.ring([ring.Doorbell(job, "leave_mark", probes.QUEUE)] * 20)

    with Worker(own_broker.url), Worker(own_broker.url):
        eventually(lambda: states() == {"done": 1} and own_broker.waiting(probes.QUEUE) == 0)

    assert left() == ["a"]


def test_a_job_that_kills_its_workers_is_quarantined_and_its_queue_flows_on(own_broker: Broker) -> None:
    probes.die.send("poison")
    send("a", 5)

    with relaying():
        for _ in range(4):
            with Worker(own_broker.url, threads=1) as worker:
                eventually(lambda: worker.process.poll() is not None or states() == {"done": 5, "dead": 1})

    assert states() == {"done": 5, "dead": 1}
    assert left() == marks("a", 5)
    with db.transaction() as connection:
        assert connection.execute(text("select error_type from jobs where state = 'dead'")).scalar() == "Quarantined"


def test_a_worker_told_to_stop_hands_its_work_back_uncounted(own_broker: Broker) -> None:
    probes.count_piece_by_piece.send("a", 60, 0.2)
    with relaying():
        with Worker(own_broker.url) as stopped:
            eventually(lambda: len(left()) > 2)
            assert stopped.stop() == 0
        assert states() == {"pending": 1}
        with Worker(own_broker.url):
            eventually(lambda: states() == {"done": 1})

    with db.transaction() as connection:
        assert connection.execute(text("select attempts, recoveries from jobs")).one() == (1, 0)
    assert sorted(left()) == sorted(f"a {piece}" for piece in range(60))


def test_malformed_messages_are_put_aside_and_the_next_good_one_runs(own_broker: Broker) -> None:
    good = (
        b'{"queue_name":"probes","actor_name":"leave_mark","args":["%s"],"kwargs":{},"options":%s,'
        b'"message_id":"m","message_timestamp":1}'
    )
    forged = [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 3000,
        b"{" * 5000,
        good % (b"00000000-0000-0000-0000-000000000000", b'{"time_limit": "1"}'),
        good.replace(b"probes", b"other") % (b"00000000-0000-0000-0000-000000000000", b"{}"),
        good % (b"not an id", b"{}"),
    ]
    probes.leave_mark.send("first")
    for raw in forged * 25:
        own_broker.push(probes.QUEUE, raw)

    with Worker(own_broker.url):
        send("a", 3)
        eventually(lambda: states() == {"done": 4})

    assert left() == [*marks("a", 3), "first"]
    eventually(lambda: own_broker.malformed(probes.QUEUE) == len(forged) * 25)
