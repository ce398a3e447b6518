"""Presence: a worker says whether its own threads go round, and asks no server to know it."""

import time
from threading import Thread

import pytest
from dramatiq.errors import ConnectionClosed
from dramatiq.worker import Worker

from tests.jobs import probes
from tutormax.broker import DoorbellBroker
from tutormax.presence import live, service_of, silence_seconds


class Threads(Worker):
    """A worker of which only the threads are there."""

    def __init__(self, broker: DoorbellBroker, *queues: str, alive: bool = True) -> None:
        super().__init__(broker)
        thread = Thread(target=time.sleep, args=(5 if alive else 0,), daemon=True)
        thread.start()
        if not alive:
            thread.join()
        self.consumers = dict.fromkeys(queues, thread)  # type: ignore[arg-type]  # a thread is all that is asked for


@pytest.fixture
def broker() -> DoorbellBroker:
    return DoorbellBroker("redis://127.0.0.1:1/0")


def test_a_worker_whose_consumers_go_round_lives_though_redis_is_away(broker: DoorbellBroker) -> None:
    consumer = broker.consume(probes.QUEUE)
    with pytest.raises(ConnectionClosed):
        next(consumer)

    well, facts = live(broker, Threads(broker, probes.QUEUE), booted_at=0)

    assert (well, facts) == (True, {"silent_seconds": 0.0, "overdue_seconds": 0.0, "dead_threads": []})


def test_a_consumer_that_hangs_is_seen_though_the_others_go_round(broker: DoorbellBroker) -> None:
    now = time.monotonic()
    broker.polled_at = {"a": now, "b": now - 121}

    well, _ = live(broker, Threads(broker, "a", "b"), booted_at=now)

    assert not well
    assert silence_seconds(broker, Threads(broker, "a", "b"), now) == pytest.approx(121, abs=1)


def test_a_consumer_that_has_not_begun_is_as_old_as_the_worker(broker: DoorbellBroker) -> None:
    worker = Threads(broker, "a")

    assert live(broker, worker, booted_at=time.monotonic())[0]
    assert not live(broker, worker, booted_at=time.monotonic() - 121)[0]


def test_a_worker_with_a_dead_thread_does_not_live(broker: DoorbellBroker) -> None:
    assert not live(broker, Threads(broker, "a", alive=False), booted_at=time.monotonic())[0]


def test_a_worker_is_called_by_its_only_queue() -> None:
    assert service_of(["evaluation"]) == "evaluation"
    assert service_of(["evaluation", "prediction"]) == "worker"
