"""The next thing is made while the last one is used, and nothing else changes."""

import threading
from collections.abc import Iterator

import pytest

from tutormax.ahead import Ahead


def test_items_come_whole_and_in_their_order() -> None:
    assert list(Ahead(iter(range(5)))) == [0, 1, 2, 3, 4]


def test_the_next_item_is_made_while_one_is_used() -> None:
    second_is_begun = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second_is_begun.set()
        yield 2

    for item in Ahead(items()):
        assert item == 2 or second_is_begun.wait(10)


def test_an_error_in_the_making_comes_to_whoever_uses() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no second")

    with pytest.raises(LookupError, match="no second"), Ahead(items()) as coming:
        list(coming)


def test_nothing_more_is_made_once_the_user_has_stopped() -> None:
    made, before = [], threading.enumerate()

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(items()) as coming:
        next(coming)

    assert len(made) <= 2
    assert threading.enumerate() == before
