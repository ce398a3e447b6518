"""Doorbells come by as many as threads are free, and none that was fetched for nobody is kept."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.faults.harness import Redis
from tests.jobs import probes
from tutormax.broker import DoorbellBroker
from tutormax.broker.redis_lists import RedisConsumer
from tutormax.jobs.ring import Doorbell

THREADS, WAITING = 4, 10


@pytest.fixture
def server() -> Iterator[Redis]:
    """A Redis of the test's own."""
    started = Redis()
    yield started
    started.close()


@pytest.fixture
def consumer(server: Redis) -> Iterator[RedisConsumer]:
    """A consumer for four threads, of a queue with ten doorbells."""
    broker = DoorbellBroker(server.url)
    broker.declare_queue(probes.QUEUE)
    broker.actors["leave_mark"] = object()  # type: ignore[assignment]  # only its name is asked for
    broker.ring([Doorbell(uuid4(), "leave_mark", probes.QUEUE) for _ in range(WAITING)])
    yield RedisConsumer(broker, probes.QUEUE, limit=THREADS)
    broker.close()


def test_no_more_are_held_than_there_are_threads(server: Redis, consumer: RedisConsumer) -> None:
    taken = [next(consumer) for _ in range(THREADS)]

    assert None not in taken
    assert len({message.args for message in taken if message}) == THREADS
    assert server.waiting(probes.QUEUE) == WAITING - THREADS
    assert next(consumer) is None


def test_what_was_fetched_and_not_handed_out_goes_back_in_its_order(server: Redis, consumer: RedisConsumer) -> None:
    before = server.client().lrange("tutormax:doorbells:probes", 2, -1)
    for _ in range(2):
        assert next(consumer) is not None
    fetched = server.waiting(probes.QUEUE)

    consumer.close()

    assert fetched == WAITING - THREADS
    assert server.client().lrange("tutormax:doorbells:probes", 0, -1) == before


def test_a_consumer_that_takes_anothers_place_knows_what_its_threads_have_in_hand(
    server: Redis, consumer: RedisConsumer
) -> None:
    busy = [next(consumer) for _ in range(THREADS - 1)]
    consumer.close()

    replaced = RedisConsumer(consumer.broker, probes.QUEUE, limit=THREADS)

    assert next(replaced) is not None
    assert next(replaced) is None
    assert busy[0] is not None
    replaced.ack(busy[0])
    assert next(replaced) is not None
    assert server.waiting(probes.QUEUE) == WAITING - THREADS - 1


def test_what_no_thread_has_taken_frees_its_place(consumer: RedisConsumer) -> None:
    taken = [next(consumer) for _ in range(THREADS)]
    assert next(consumer) is None

    consumer.requeue([message for message in taken if message is not None])

    assert next(consumer) is not None
