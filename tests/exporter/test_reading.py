"""A reading: nothing old is shown, nothing slow is waited for, and what hangs is asked once."""

import time
from threading import Event
from typing import Any

import pytest

from tutormax.exporter.reading import Reading


class Store:
    """A store that answers, hangs or fails as it is told."""

    def __init__(self) -> None:
        self.looks = 0
        self.free = Event()
        self.free.set()
        self.fault: Exception | None = None

    def look(self) -> int:
        self.looks += 1
        self.free.wait()
        if self.fault is not None:
            raise self.fault
        return self.looks


@pytest.fixture
def store() -> Store:
    return Store()


def seen(reading: Reading[Any], *, wait_seconds: float = 5.0) -> Any:
    return reading.get(time.monotonic() + wait_seconds).value


def test_each_time_it_looks_anew(store: Store) -> None:
    reading = Reading("store", store.look)

    assert [seen(reading), seen(reading)] == [1, 2]


def test_a_look_that_was_begun_and_has_ended_since_is_the_one_that_is_shown(store: Store) -> None:
    reading = Reading("store", store.look)

    reading.start()
    while reading._seen is None:  # noqa: SLF001  # nothing else tells that it has ended
        time.sleep(0.01)

    assert [seen(reading), store.looks] == [1, 1]
    assert seen(reading) == 2


def test_what_is_fresh_enough_serves_again(store: Store) -> None:
    reading = Reading("store", store.look, fresh_seconds=60)

    assert [seen(reading), seen(reading)] == [1, 1]


def test_while_a_look_takes_long_the_one_before_serves(store: Store) -> None:
    reading = Reading("store", store.look)
    seen(reading)
    store.free.clear()

    assert [seen(reading, wait_seconds=0.05) for _ in range(3)] == [1, 1, 1]
    assert store.looks == 2
    store.free.set()
    assert seen(reading) >= 2


def test_what_was_seen_too_long_ago_does_not_serve(store: Store) -> None:
    reading = Reading("store", store.look, kept_seconds=0)
    seen(reading)
    store.free.clear()

    with pytest.raises(TimeoutError):
        seen(reading, wait_seconds=0.05)
    store.free.set()


def test_after_a_look_that_failed_there_is_nothing(store: Store) -> None:
    reading = Reading("store", store.look)
    seen(reading)
    store.fault = ConnectionError("away")
    with pytest.raises(ConnectionError):
        seen(reading)
    store.fault = None
    store.free.clear()

    with pytest.raises(TimeoutError):
        seen(reading, wait_seconds=0.05)
    store.free.set()
