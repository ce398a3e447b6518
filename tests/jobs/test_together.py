"""Threads that ask at one moment are answered by one call, each with its own answer."""

import threading
import time
from collections.abc import Sequence

import pytest

from tutormax.jobs.together import Together

THREADS = 12


class Desk:
    """Doubles numbers, slowly, and remembers how many at a time."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.open = threading.Event()
        self.fails = False
        self.together: Together[int, int] = Together(self._doubled)

    def _doubled(self, asked: Sequence[int]) -> list[int]:
        self.calls.append(list(asked))
        self.open.wait(10)
        if self.fails:
            raise ValueError("closed")
        return [2 * each for each in asked]


def asked_at_once(desk: Desk) -> dict[int, int | Exception]:
    """Let one thread ask, and the others while it is served; return what each was told."""
    told: dict[int, int | Exception] = {}

    def ask(number: int) -> None:
        try:
            told[number] = desk.together.ask(number)
        except Exception as error:  # noqa: BLE001  # it is looked at
            told[number] = error

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    threads[0].start()
    while not desk.calls:
        time.sleep(0.001)
    for thread in threads[1:]:
        thread.start()
    while len(desk.together._queue) < THREADS - 1:  # noqa: SLF001  # nothing else tells that they wait
        time.sleep(0.001)
    desk.open.set()
    for thread in threads:
        thread.join(10)
    return told


def test_who_finds_nobody_is_served_at_once_and_all_who_come_meanwhile_together() -> None:
    desk = Desk()

    told = asked_at_once(desk)

    assert told == {number: 2 * number for number in range(THREADS)}
    assert [len(call) for call in desk.calls] == [1, THREADS - 1]


def test_each_is_told_of_the_failure_and_the_next_are_served() -> None:
    desk = Desk()
    desk.fails = True

    told = asked_at_once(desk)
    desk.fails = False

    assert [str(told[number]) for number in range(THREADS)] == ["closed"] * THREADS
    assert desk.together.ask(21) == 42


@pytest.mark.timeout(60)
def test_nobody_is_forgotten_or_answered_for_another() -> None:
    together: Together[int, int] = Together(lambda asked: [-each for each in asked])
    wrong: list[int] = []

    def ask(first: int) -> None:
        wrong.extend(number for number in range(first, first + 500) if together.ask(number) != -number)

    threads = [threading.Thread(target=ask, args=(1000 * number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
