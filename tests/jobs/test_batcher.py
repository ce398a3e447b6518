"""What threads hand over is done once, in order, by one thread, and many at once when many come."""

import threading
from collections.abc import Sequence

import pytest

from tutormax.jobs.batcher import Batcher

THREADS, EACH = 8, 300


class Doer:
    """Remembers what it was given at a time; may be held up, and may fail."""

    def __init__(self, most: int = 64) -> None:
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()
        self.fails_at: int | None = None
        self.batcher: Batcher[int] = Batcher("test", self._do, most=most)

    def _do(self, things: Sequence[int]) -> None:
        self.open.wait(10)
        self.batches.append(list(things))
        if self.fails_at in things:
            raise ValueError("not this one")

    @property
    def done(self) -> list[int]:
        return [thing for batch in self.batches for thing in batch]


def test_what_comes_while_one_is_done_is_done_at_once() -> None:
    doer = Doer()
    doer.open.clear()
    for thing in range(20):
        doer.batcher.hand(thing)

    doer.open.set()

    assert doer.batcher.flush(10)
    assert doer.done == list(range(20))
    assert len(doer.batches) <= 2


def test_nothing_is_forgotten_or_done_twice_however_many_hand_over() -> None:
    doer = Doer()

    def hand(first: int) -> None:
        for thing in range(first, first + EACH):
            doer.batcher.hand(thing)

    threads = [threading.Thread(target=hand, args=(EACH * number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert doer.batcher.flush(10)
    assert sorted(doer.done) == list(range(THREADS * EACH))


def test_a_failure_is_told_and_the_next_are_done(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    doer = Doer()
    doer.fails_at = 1
    doer.batcher.hand(1)
    assert doer.batcher.flush(10)

    doer.batcher.hand(2)

    assert doer.batcher.flush(10)
    assert doer.done == [1, 2]
    # Where it is told depends on what this process has set up.
    assert "what was handed over is not done" in caplog.text + "".join(capsys.readouterr())


def test_no_more_wait_than_may() -> None:
    doer = Doer(most=3)
    doer.open.clear()
    handed: list[int] = []

    def hand() -> None:
        for thing in range(10):
            doer.batcher.hand(thing)
            handed.append(thing)

    thread = threading.Thread(target=hand)
    thread.start()
    thread.join(0.5)
    held_up = thread.is_alive()
    # One that is being done, with those that had come by then, and three that wait.
    most = len(handed)
    doer.open.set()
    thread.join(10)

    assert held_up
    assert most <= 2 * 3
    assert doer.batcher.flush(10)
    assert doer.done == list(range(10))


def test_who_flushes_waits_no_longer_than_he_will() -> None:
    doer = Doer()
    doer.open.clear()
    doer.batcher.hand(1)

    assert not doer.batcher.flush(0.05)
    doer.open.set()
    assert doer.batcher.flush(10)
